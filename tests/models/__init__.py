"""Tests of the models part."""
