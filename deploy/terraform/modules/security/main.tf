# Who did what, and who tries what: CloudTrail, Config, GuardDuty; and the secrets of the programs.

variable "name" { type = string }
variable "kms_key_arn" { type = string }
variable "log_bucket" { type = string }
variable "log_days" { type = number }

resource "aws_guardduty_detector" "this" {
  #checkov:skip=CKV2_AWS_3:one account and region; an organization turns it on from its own
  enable                       = true
  finding_publishing_frequency = "FIFTEEN_MINUTES"
}

resource "aws_guardduty_detector_feature" "this" {
  for_each    = toset(["S3_DATA_EVENTS", "EKS_AUDIT_LOGS", "RDS_LOGIN_EVENTS", "EBS_MALWARE_PROTECTION"])
  detector_id = aws_guardduty_detector.this.id
  name        = each.key
  status      = "ENABLED"
}

resource "aws_cloudtrail" "this" {
  #checkov:skip=CKV_AWS_252:GuardDuty reads the trail, and its findings call
  #checkov:skip=CKV2_AWS_10:GuardDuty reads the trail; a second copy in CloudWatch costs more than the bucket
  name                          = var.name
  s3_bucket_name                = var.log_bucket
  s3_key_prefix                 = "cloudtrail"
  kms_key_id                    = var.kms_key_arn
  is_multi_region_trail         = true
  include_global_service_events = true
  enable_log_file_validation    = true
}

resource "aws_iam_role" "config" {
  name               = "${var.name}-config"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "config.amazonaws.com" } }] })
}

resource "aws_iam_role_policy_attachment" "config" {
  role       = aws_iam_role.config.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole"
}

resource "aws_config_configuration_recorder" "this" {
  name     = var.name
  role_arn = aws_iam_role.config.arn
  recording_group {
    all_supported                 = true
    include_global_resource_types = true
  }
}

resource "aws_config_delivery_channel" "this" {
  name           = var.name
  s3_bucket_name = var.log_bucket
  s3_key_prefix  = "config"
  depends_on     = [aws_config_configuration_recorder.this]
}

resource "aws_config_configuration_recorder_status" "this" {
  name       = aws_config_configuration_recorder.this.name
  is_enabled = true
  depends_on = [aws_config_delivery_channel.this]
}

resource "aws_config_config_rule" "this" {
  for_each = toset(["S3_BUCKET_PUBLIC_READ_PROHIBITED", "RDS_STORAGE_ENCRYPTED", "RDS_INSTANCE_PUBLIC_ACCESS_CHECK", "EKS_SECRETS_ENCRYPTED", "ROOT_ACCOUNT_MFA_ENABLED", "CLOUD_TRAIL_LOG_FILE_VALIDATION_ENABLED"])
  name     = "${var.name}-${lower(replace(each.key, "_", "-"))}"
  source {
    owner             = "AWS"
    source_identifier = each.key
  }
  depends_on = [aws_config_configuration_recorder.this]
}

# Empty: their values are put in by hand or by rotation, never by Terraform, whose state would keep them.
resource "aws_secretsmanager_secret" "program" {
  #checkov:skip=CKV2_AWS_57:a new secret key signs everybody out and a new CA refuses every box: docs/runbooks/key-compromise.md
  for_each                = toset(["secret-key", "smtp-password", "phone-token", "ca-key"])
  name                    = "${var.name}/${each.key}"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}

resource "aws_cloudwatch_log_group" "findings" {
  name              = "/shoal/${var.name}/findings"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

output "secret_arns" { value = { for name, secret in aws_secretsmanager_secret.program : name => secret.arn } }
