# A copy for a company's own systems: SQL Server or Oracle on RDS, in the same data subnets, for synchronisation jobs.

variable "name" { type = string }
variable "engine" {
  type = string
  validation {
    condition     = contains(["sqlserver", "oracle"], var.engine)
    error_message = "Use sqlserver or oracle."
  }
}
variable "vpc_id" { type = string }
variable "subnet_group" { type = string }
variable "client_security_groups" { type = list(string) }
variable "multi_az" { type = bool }
variable "backup_days" { type = number }
variable "protected" { type = bool }
variable "kms_key_arn" { type = string }

locals {
  kind = {
    sqlserver = { engine = "sqlserver-se", version = "16.00", class = "db.m6i.large", port = 1433, logs = ["error", "agent"] }
    oracle    = { engine = "oracle-se2", version = "19", class = "db.m6i.large", port = 1521, logs = ["alert", "audit", "listener"] }
  }[var.engine]
}

resource "aws_security_group" "this" {
  name        = "${var.name}-${var.engine}"
  description = "Synchronisation jobs reach ${var.engine}, nobody else"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each                     = { for index, group in var.client_security_groups : tostring(index) => group }
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = each.value
  description                  = "From the cluster"
  ip_protocol                  = "tcp"
  from_port                    = local.kind.port
  to_port                      = local.kind.port
}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-${var.engine}-monitoring"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "monitoring.rds.amazonaws.com" } }] })
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_instance" "this" {
  identifier                      = "${var.name}-${var.engine}"
  engine                          = local.kind.engine
  engine_version                  = local.kind.version
  instance_class                  = local.kind.class
  license_model                   = "license-included"
  allocated_storage               = 100
  storage_type                    = "gp3"
  storage_encrypted               = true
  kms_key_id                      = var.kms_key_arn
  username                        = "shoal"
  manage_master_user_password     = true
  master_user_secret_kms_key_id   = var.kms_key_arn
  port                            = local.kind.port
  multi_az                        = var.multi_az
  db_subnet_group_name            = var.subnet_group
  vpc_security_group_ids          = [aws_security_group.this.id]
  publicly_accessible             = false
  backup_retention_period         = var.backup_days
  copy_tags_to_snapshot           = true
  deletion_protection             = var.protected
  skip_final_snapshot             = !var.protected
  final_snapshot_identifier       = var.protected ? "${var.name}-${var.engine}-final" : null
  auto_minor_version_upgrade      = true
  performance_insights_enabled    = true
  performance_insights_kms_key_id = var.kms_key_arn
  monitoring_interval             = 60
  monitoring_role_arn             = aws_iam_role.monitoring.arn
  enabled_cloudwatch_logs_exports = local.kind.logs
}

output "endpoint" { value = aws_db_instance.this.address }
