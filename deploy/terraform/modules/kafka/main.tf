# MSK with TLS and SCRAM: three copies, two must confirm; topics are made by the chart's examples or by hand, never by accident.

variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "client_security_groups" { type = list(string) }
variable "instance_type" { type = string }
variable "storage_gb" { type = number }
variable "kms_key_arn" { type = string }
variable "log_days" { type = number }
variable "password" {
  type      = string
  sensitive = true
  ephemeral = true # never in the state
}

locals {
  brokers = length(var.subnet_ids)
}

resource "aws_security_group" "this" {
  name        = "${var.name}-kafka"
  description = "Bridge, ingest and the IoT rule reach Kafka, nobody else"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each                     = { for index, group in var.client_security_groups : tostring(index) => group }
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = each.value
  description                  = "Kafka over TLS with SCRAM"
  ip_protocol                  = "tcp"
  from_port                    = 9096
  to_port                      = 9096
}

resource "aws_msk_configuration" "this" {
  name              = var.name
  kafka_versions    = ["3.8.x"]
  server_properties = <<-EOT
    auto.create.topics.enable=false
    default.replication.factor=${min(3, local.brokers)}
    min.insync.replicas=${min(3, local.brokers) - 1}
    message.max.bytes=4194304
    log.retention.hours=168
    unclean.leader.election.enable=false
  EOT
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/shoal/${var.name}/kafka"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_msk_cluster" "this" {
  cluster_name           = var.name
  kafka_version          = "3.8.x"
  number_of_broker_nodes = local.brokers
  broker_node_group_info {
    instance_type   = var.instance_type
    client_subnets  = var.subnet_ids
    security_groups = [aws_security_group.this.id]
    storage_info {
      ebs_storage_info {
        volume_size = var.storage_gb
      }
    }
  }
  client_authentication {
    sasl {
      scram = true
    }
  }
  encryption_info {
    encryption_at_rest_kms_key_arn = var.kms_key_arn
    encryption_in_transit {
      client_broker = "TLS"
      in_cluster    = true
    }
  }
  configuration_info {
    arn      = aws_msk_configuration.this.arn
    revision = aws_msk_configuration.this.latest_revision
  }
  open_monitoring {
    prometheus {
      jmx_exporter {
        enabled_in_broker = true
      }
      node_exporter {
        enabled_in_broker = true
      }
    }
  }
  logging_info {
    broker_logs {
      cloudwatch_logs {
        enabled   = true
        log_group = aws_cloudwatch_log_group.this.name
      }
    }
  }
}

# MSK takes SCRAM users from secrets with this prefix and a key of the customer.
resource "aws_secretsmanager_secret" "shoal" {
  #checkov:skip=CKV2_AWS_57:the programs read it at their start; docs/runbooks/key-compromise.md changes both
  name       = "AmazonMSK_${var.name}"
  kms_key_id = var.kms_key_arn
}

resource "aws_secretsmanager_secret_version" "shoal" {
  secret_id                = aws_secretsmanager_secret.shoal.id
  secret_string_wo         = jsonencode({ username = "shoal", password = var.password })
  secret_string_wo_version = 1
}

resource "aws_msk_scram_secret_association" "this" {
  cluster_arn     = aws_msk_cluster.this.arn
  secret_arn_list = [aws_secretsmanager_secret.shoal.arn]
  depends_on      = [aws_secretsmanager_secret_version.shoal]
}

output "bootstrap_brokers_sasl_scram" { value = aws_msk_cluster.this.bootstrap_brokers_sasl_scram }
output "cluster_name" { value = aws_msk_cluster.this.cluster_name }
output "secret_arn" { value = aws_secretsmanager_secret.shoal.arn }
output "secret_name" { value = aws_secretsmanager_secret.shoal.name }
