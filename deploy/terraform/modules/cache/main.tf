# Redis-compatible Valkey for tasks, rate limits and live messages: with TLS, reached by the cluster's nodes alone.

variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "client_security_groups" { type = list(string) }
variable "node_type" { type = string }
variable "nodes" { type = number }
variable "kms_key_arn" { type = string }

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name        = "${var.name}-cache"
  description = "Shoal's programs reach the cache, nobody else"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each                     = { for index, group in var.client_security_groups : tostring(index) => group }
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = each.value
  description                  = "Redis from the cluster"
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31:a token would stand in the state; TLS, and a security group that lets the cluster's nodes in alone
  #checkov:skip=CKV2_AWS_50:on wherever there is more than one node
  replication_group_id       = var.name
  description                = "Tasks, rate limits and live messages of ${var.name}"
  engine                     = "valkey"
  engine_version             = "8.0"
  node_type                  = var.node_type
  num_cache_clusters         = var.nodes
  automatic_failover_enabled = var.nodes > 1
  multi_az_enabled           = var.nodes > 1
  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  snapshot_retention_limit   = var.nodes > 1 ? 7 : 1
  apply_immediately          = false
}

output "endpoint" { value = aws_elasticache_replication_group.this.primary_endpoint_address }
