# What an environment must and must not have, with a provider that answers without an account.
mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["eu-north-1a", "eu-north-1b", "eu-north-1c"] }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_eks_cluster" {
    defaults = { vpc_config = { cluster_security_group_id = "sg-1" } }
  }
}

variables {
  region         = "eu-north-1"
  domain         = "shoal.example.org"
  zone_id        = "Z0000000000000000000"
  alarm_email    = "platform@example.org"
  kafka_password = "0123456789012345678901234567890123456789"
}

run "production_survives_a_zone_and_a_slip_of_the_hand" {
  command = plan
  variables {
    environment          = "production"
    gpu_nodes            = true
    enterprise_databases = ["sqlserver", "oracle"]
  }
  assert {
    condition     = length(module.network.private_subnet_ids) == 3 && local.size.nat_per_zone
    error_message = "Production is in three zones, each with its own way out."
  }
  assert {
    condition     = local.size.multi_az && local.size.protected && local.size.backup_days >= 35
    error_message = "Production's database has a standby, protection and a month of backups."
  }
  assert {
    condition     = length(module.enterprise) == 2
    error_message = "One database of each kind that was asked for."
  }
}

run "development_is_small" {
  command = plan
  variables {
    environment = "dev"
  }
  assert {
    condition     = length(module.network.private_subnet_ids) == 2 && !local.size.multi_az
    error_message = "Development has two zones and no standby."
  }
  assert {
    condition     = length(module.enterprise) == 0
    error_message = "Databases of other systems are made on request only."
  }
}

run "an_open_kubernetes_api_is_refused" {
  command = plan
  variables {
    environment       = "dev"
    allowed_api_cidrs = ["0.0.0.0/0"]
  }
  expect_failures = [var.allowed_api_cidrs]
}

run "an_unknown_environment_is_refused" {
  command = plan
  variables {
    environment = "prod"
  }
  expect_failures = [var.environment]
}
