"""People and organizations: invitations, registration, roles, sites, resets."""
