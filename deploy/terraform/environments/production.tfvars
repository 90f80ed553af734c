environment = "production"
region      = "eu-north-1"
domain      = "shoal.example.org"
zone_id     = "Z0000000000000000000"
alarm_email = "platform@example.org"
gpu_nodes   = true
