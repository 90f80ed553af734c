# One key for everything at rest; buckets for pictures, models and logs; repositories for images.

variable "name" { type = string }
variable "protected" { type = bool }

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}

locals {
  buckets = {
    pictures = { cold_after = 30, expire_after = 730 }
    models   = { cold_after = 365, expire_after = 0 }
    backup   = { cold_after = 30, expire_after = 400 }
    logs     = { cold_after = 30, expire_after = 400 }
  }
}

resource "aws_kms_key" "this" {
  description             = "Everything of ${var.name} at rest"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Sid = "Account", Effect = "Allow", Principal = { AWS = "arn:aws:iam::${data.aws_caller_identity.me.account_id}:root" }, Action = "kms:*", Resource = "*" },
      { Sid = "Services", Effect = "Allow", Principal = { Service = ["cloudtrail.amazonaws.com", "delivery.logs.amazonaws.com", "cloudwatch.amazonaws.com", "sns.amazonaws.com"] }, Action = ["kms:GenerateDataKey*", "kms:Decrypt"], Resource = "*", Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.me.account_id } } },
      { Sid = "Logs", Effect = "Allow", Principal = { Service = "logs.${data.aws_region.here.name}.amazonaws.com" }, Action = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"], Resource = "*", Condition = { ArnLike = { "kms:EncryptionContext:aws:logs:arn" = "arn:aws:logs:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:*" } } },
    ]
  })
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = aws_kms_key.this.key_id
}

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV2_AWS_6:below, for each of them
  #checkov:skip=CKV_AWS_21:below, for each of them
  #checkov:skip=CKV_AWS_145:below; load balancers can write with S3's own key only
  #checkov:skip=CKV_AWS_18:CloudTrail tells who changed a bucket; who read a picture is in the audit log of the API
  #checkov:skip=CKV2_AWS_62:nothing waits for a new object
  #checkov:skip=CKV_AWS_144:where a farm's data may be is the farm's word; docs/runbooks/restore.md says how backups leave the region
  for_each      = local.buckets
  bucket        = "${var.name}-${each.key}-${data.aws_caller_identity.me.account_id}"
  force_destroy = !var.protected
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each                = aws_s3_bucket.this
  bucket                  = each.value.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = aws_s3_bucket.this
  bucket   = each.value.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      # Load balancers write their logs with S3's own key only.
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = each.key == "logs" ? null : aws_kms_key.this.arn
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  for_each = local.buckets
  bucket   = aws_s3_bucket.this[each.key].id
  rule {
    id     = "age"
    status = "Enabled"
    filter {}
    transition {
      days          = each.value.cold_after
      storage_class = "STANDARD_IA"
    }
    dynamic "expiration" {
      for_each = each.value.expire_after > 0 ? [each.value.expire_after] : []
      content {
        days = expiration.value
      }
    }
    noncurrent_version_expiration {
      noncurrent_days = 30
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }
  depends_on = [aws_s3_bucket_versioning.this]
}

data "aws_iam_policy_document" "tls" {
  for_each = aws_s3_bucket.this
  statement {
    sid       = "OnlyTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value.arn, "${each.value.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
  dynamic "statement" {
    for_each = each.key == "logs" ? [1] : []
    content {
      sid       = "ServicesWriteLogs"
      actions   = ["s3:PutObject", "s3:GetBucketAcl"]
      resources = [each.value.arn, "${each.value.arn}/*"]
      principals {
        type        = "Service"
        identifiers = ["cloudtrail.amazonaws.com", "config.amazonaws.com", "logdelivery.elasticloadbalancing.amazonaws.com"]
      }
      # No other account may have these services write here.
      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.me.account_id]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each   = aws_s3_bucket.this
  bucket     = each.value.id
  policy     = data.aws_iam_policy_document.tls[each.key].json
  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_ecr_repository" "this" {
  for_each             = toset(["cloud", "bridge", "edge", "train"])
  name                 = "shoal/${each.key}"
  image_tag_mutability = "IMMUTABLE"
  force_delete         = !var.protected
  image_scanning_configuration {
    scan_on_push = true
  }
  encryption_configuration {
    encryption_type = "KMS"
    kms_key         = aws_kms_key.this.arn
  }
}

resource "aws_ecr_lifecycle_policy" "this" {
  for_each   = aws_ecr_repository.this
  repository = each.value.name
  policy = jsonencode({ rules = [{
    rulePriority = 1, description = "What nobody named", action = { type = "expire" }
    selection    = { tagStatus = "untagged", countType = "sinceImagePushed", countUnit = "days", countNumber = 14 }
  }] })
}

output "kms_key_arn" { value = aws_kms_key.this.arn }
output "bucket_arns" { value = { for name, bucket in aws_s3_bucket.this : name => bucket.arn } }
output "log_bucket" { value = aws_s3_bucket.this["logs"].id }
output "repositories" { value = { for name, repository in aws_ecr_repository.this : name => repository.repository_url } }
