# AWS IoT Core as the broker: a policy by which a thing reaches its own topics alone, a template by which boxes enrol themselves,
# and rules that put every uplink topic into the Kafka topic that contracts/topics.py names. What a rule cannot deliver goes to a queue.

variable "name" { type = string }
variable "vpc_id" { type = string }
variable "subnet_ids" { type = list(string) }
variable "kafka_bootstrap" { type = string }
variable "kafka_secret_name" { type = string }
variable "kafka_secret_arn" { type = string }
variable "kms_key_arn" { type = string }

data "aws_caller_identity" "me" {}
data "aws_region" "here" {}
data "aws_iot_endpoint" "this" {
  endpoint_type = "iot:Data-ATS"
}

locals {
  iot = "arn:aws:iot:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}"
  # Thing names are {site}.{device}; its attributes site and device make the topics.
  own = "shoal/1/$${iot:Connection.Thing.Attributes[site]}/$${iot:Connection.Thing.Attributes[device]}"
  uplinks = {
    readings     = "sensor-data"
    observations = "camera-events"
    evidence     = "camera-events"
    alarms       = "system-events"
    events       = "system-events"
    health       = "system-events"
    status       = "system-events"
  }
}

resource "aws_iot_thing_type" "box" {
  name = "${var.name}-box"
  properties {
    description           = "Edge box of a farm"
    searchable_attributes = ["site", "device"]
  }
}

resource "aws_iot_policy" "box" {
  name = "${var.name}-box"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "iot:Connect", Resource = "${local.iot}:client/$${iot:Connection.Thing.ThingName}", Condition = { Bool = { "iot:Connection.Thing.IsAttached" = "true" } } },
    { Effect = "Allow", Action = ["iot:Publish", "iot:RetainPublish"], Resource = [for kind in keys(local.uplinks) : "${local.iot}:topic/${local.own}/${kind}"] },
    { Effect = "Allow", Action = "iot:Subscribe", Resource = ["${local.iot}:topicfilter/${local.own}/committed", "${local.iot}:topicfilter/${local.own}/commands", "${local.iot}:topicfilter/${local.own}/status", "${local.iot}:topicfilter/$aws/things/$${iot:Connection.Thing.ThingName}/*"] },
    { Effect = "Allow", Action = "iot:Receive", Resource = ["${local.iot}:topic/${local.own}/committed", "${local.iot}:topic/${local.own}/commands", "${local.iot}:topic/${local.own}/status", "${local.iot}:topic/$aws/things/$${iot:Connection.Thing.ThingName}/*"] },
    { Effect = "Allow", Action = "iot:Publish", Resource = "${local.iot}:topic/$aws/things/$${iot:Connection.Thing.ThingName}/*" },
  ] })
}

# Of the bridge's certificate (deploy/aws_iot/README.md). The rules below carry the uplink; what goes down to boxes is the bridge's part.
resource "aws_iot_policy" "bridge" {
  name = "${var.name}-bridge"
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = "iot:Connect", Resource = "${local.iot}:client/shoal-bridge*" },
    { Effect = "Allow", Action = "iot:Subscribe", Resource = [for kind in keys(local.uplinks) : "${local.iot}:topicfilter/shoal/1/+/+/${kind}"] },
    { Effect = "Allow", Action = "iot:Receive", Resource = [for kind in keys(local.uplinks) : "${local.iot}:topic/shoal/1/*/*/${kind}"] },
    { Effect = "Allow", Action = ["iot:Publish", "iot:RetainPublish"], Resource = "${local.iot}:topic/shoal/1/*/*/committed" },
    { Effect = "Allow", Action = "iot:Publish", Resource = ["${local.iot}:topic/shoal/1/*/*/commands", "${local.iot}:topic/$aws/things/*/shadow/name/*/update"] },
  ] })
}

resource "aws_iam_role" "provisioning" {
  name               = "${var.name}-provisioning"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "iot.amazonaws.com" } }] })
}

resource "aws_iam_role_policy_attachment" "provisioning" {
  role       = aws_iam_role.provisioning.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AWSIoTThingsRegistration"
}

resource "aws_iot_provisioning_template" "box" {
  name                  = "${var.name}-box"
  description           = "Makes a thing, its certificate and its policy for a box that enrols"
  enabled               = true
  provisioning_role_arn = aws_iam_role.provisioning.arn
  template_body = jsonencode({
    Parameters = { Site = { Type = "String" }, Device = { Type = "String" }, "AWS::IoT::Certificate::Id" = { Type = "String" } }
    Resources = {
      thing = { Type = "AWS::IoT::Thing", Properties = {
        ThingName        = { "Fn::Join" = [".", [{ Ref = "Site" }, { Ref = "Device" }]] }, ThingTypeName = aws_iot_thing_type.box.name
        AttributePayload = { site = { Ref = "Site" }, device = { Ref = "Device" } }
      } }
      certificate = { Type = "AWS::IoT::Certificate", Properties = { CertificateId = { Ref = "AWS::IoT::Certificate::Id" }, Status = "Active" } }
      policy      = { Type = "AWS::IoT::Policy", Properties = { PolicyName = aws_iot_policy.box.name } }
    }
  })
}

resource "aws_security_group" "rule" {
  #checkov:skip=CKV2_AWS_5:attached to the destination below, which is no resource that checkov follows
  name        = "${var.name}-iot-rule"
  description = "The IoT rules' way into the VPC"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "kafka" {
  security_group_id = aws_security_group.rule.id
  description       = "Kafka over TLS with SCRAM"
  cidr_ipv4         = "10.0.0.0/8"
  ip_protocol       = "tcp"
  from_port         = 9096
  to_port           = 9096
}

resource "aws_iam_role" "rule" {
  name               = "${var.name}-iot-rule"
  assume_role_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "iot.amazonaws.com" } }] })
}

resource "aws_iam_role_policy" "rule" {
  #checkov:skip=CKV_AWS_355:what is left with "*" describes alone, and EC2 restricts no description
  role = aws_iam_role.rule.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:DescribeVpcAttribute", "ec2:DescribeSecurityGroups"], Resource = "*" },
    { Effect = "Allow", Action = ["ec2:CreateNetworkInterface", "ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"], Resource = [for kind in ["network-interface", "subnet", "security-group"] : "arn:aws:ec2:${data.aws_region.here.name}:${data.aws_caller_identity.me.account_id}:${kind}/*"] },
    { Effect = "Allow", Action = ["secretsmanager:GetSecretValue", "secretsmanager:DescribeSecret"], Resource = var.kafka_secret_arn },
    { Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = var.kms_key_arn },
    { Effect = "Allow", Action = ["sqs:SendMessage"], Resource = aws_sqs_queue.failed.arn },
  ] })
}

resource "aws_iot_topic_rule_destination" "vpc" {
  vpc_configuration {
    role_arn        = aws_iam_role.rule.arn
    security_groups = [aws_security_group.rule.id]
    subnet_ids      = var.subnet_ids
    vpc_id          = var.vpc_id
  }
}

resource "aws_sqs_queue" "failed" {
  name                      = "${var.name}-iot-failed"
  kms_master_key_id         = var.kms_key_arn
  message_retention_seconds = 1209600
}

resource "aws_iot_topic_rule" "uplink" {
  for_each    = local.uplinks
  name        = replace("${var.name}_${each.key}", "-", "_")
  description = "shoal/1/+/+/${each.key} into ${each.value}, in order by device"
  enabled     = true
  sql         = "SELECT * FROM 'shoal/1/+/+/${each.key}'"
  sql_version = "2016-03-23"
  kafka {
    destination_arn = aws_iot_topic_rule_destination.vpc.arn
    topic           = each.value
    key             = "$${topic(3)}/$${topic(4)}"
    client_properties = {
      "bootstrap.servers"   = var.kafka_bootstrap
      "security.protocol"   = "SASL_SSL"
      "sasl.mechanism"      = "SCRAM-SHA-512"
      "sasl.scram.username" = "$${get_secret('${var.kafka_secret_name}', 'SecretString', 'username', '${aws_iam_role.rule.arn}')}"
      "sasl.scram.password" = "$${get_secret('${var.kafka_secret_name}', 'SecretString', 'password', '${aws_iam_role.rule.arn}')}"
      "acks"                = "all"
      "compression.type"    = "lz4"
    }
  }
  error_action {
    sqs {
      queue_url  = aws_sqs_queue.failed.url
      role_arn   = aws_iam_role.rule.arn
      use_base64 = true
    }
  }
}

output "bridge_policy_name" { value = aws_iot_policy.bridge.name }
output "endpoint" { value = data.aws_iot_endpoint.this.endpoint_address }
output "rule_security_group_id" { value = aws_security_group.rule.id }
output "failed_queue_name" { value = aws_sqs_queue.failed.name }
