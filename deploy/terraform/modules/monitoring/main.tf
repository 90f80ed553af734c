# What Prometheus inside the cluster cannot see: the managed services, the entrance, money. Traces go to X-Ray.

variable "name" { type = string }
variable "alarm_email" { type = string }
variable "database_id" { type = string }
variable "database_gb" { type = number }
variable "load_balancer" { type = string }
variable "kafka_cluster" { type = string }
variable "monthly_usd" { type = number }
variable "kms_key_arn" { type = string }
variable "dead_letter_sqs" { type = string }

locals {
  alarms = {
    database-disk = { namespace = "AWS/RDS", metric = "FreeStorageSpace", statistic = "Minimum", comparison = "LessThanThreshold", threshold = var.database_gb * 0.15 * 1024 * 1024 * 1024, dimensions = { DBInstanceIdentifier = var.database_id } }
    database-cpu  = { namespace = "AWS/RDS", metric = "CPUUtilization", statistic = "Average", comparison = "GreaterThanThreshold", threshold = 85, dimensions = { DBInstanceIdentifier = var.database_id } }
    entrance-5xx  = { namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", statistic = "Sum", comparison = "GreaterThanThreshold", threshold = 20, dimensions = { LoadBalancer = var.load_balancer } }
    kafka-offline = { namespace = "AWS/Kafka", metric = "OfflinePartitionsCount", statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = 0, dimensions = { "Cluster Name" = var.kafka_cluster } }
    kafka-disk    = { namespace = "AWS/Kafka", metric = "KafkaDataLogsDiskUsed", statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = 80, dimensions = { "Cluster Name" = var.kafka_cluster } }
    iot-failed    = { namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", statistic = "Maximum", comparison = "GreaterThanThreshold", threshold = 0, dimensions = { QueueName = var.dead_letter_sqs } }
  }
}

resource "aws_sns_topic" "this" {
  name              = "${var.name}-alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "email" {
  topic_arn = aws_sns_topic.this.arn
  protocol  = "email"
  endpoint  = var.alarm_email
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each            = local.alarms
  alarm_name          = "${var.name}-${each.key}"
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison
  threshold           = each.value.threshold
  dimensions          = each.value.dimensions
  period              = 300
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.this.arn]
  ok_actions          = [aws_sns_topic.this.arn]
}

resource "aws_xray_sampling_rule" "this" {
  rule_name      = substr(var.name, 0, 32)
  priority       = 1000
  version        = 1
  reservoir_size = 5
  fixed_rate     = 0.05
  host           = "*"
  http_method    = "*"
  url_path       = "*"
  service_name   = "*"
  service_type   = "*"
  resource_arn   = "*"
}

resource "aws_budgets_budget" "this" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = tostring(var.monthly_usd)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  notification {
    comparison_operator        = "GREATER_THAN"
    threshold                  = 80
    threshold_type             = "PERCENTAGE"
    notification_type          = "FORECASTED"
    subscriber_email_addresses = [var.alarm_email]
  }
}

output "alarms" { value = [for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_name] }
