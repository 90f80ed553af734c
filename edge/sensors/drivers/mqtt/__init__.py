"""JSON over MQTT by mapping."""
