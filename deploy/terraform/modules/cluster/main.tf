# EKS: control plane with encrypted secrets and logs, nodes over all zones, GPU nodes for training that scale to zero, and a role
# for the programs' service account.

variable "name" { type = string }
variable "subnet_ids" { type = list(string) }
variable "node_type" { type = string }
variable "nodes" { type = object({ min = number, desired = number, max = number }) }
variable "gpu_nodes" { type = bool }
variable "administrators" { type = list(string) }
variable "allowed_api_cidrs" { type = list(string) }
variable "kms_key_arn" { type = string }
variable "log_days" { type = number }
variable "bucket_arns" { type = map(string) }

data "aws_partition" "here" {}

locals {
  trust = { for service in ["eks", "ec2", "pods.eks"] : service => jsonencode({ Version = "2012-10-17", Statement = [{
    Effect = "Allow", Action = service == "pods.eks" ? ["sts:AssumeRole", "sts:TagSession"] : ["sts:AssumeRole"], Principal = { Service = "${service}.amazonaws.com" }
  }] }) }
}

resource "aws_cloudwatch_log_group" "control" {
  name              = "/aws/eks/${var.name}/cluster"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_iam_role" "control" {
  name               = "${var.name}-control"
  assume_role_policy = local.trust["eks"]
}

resource "aws_iam_role_policy_attachment" "control" {
  role       = aws_iam_role.control.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/AmazonEKSClusterPolicy"
}

resource "aws_eks_cluster" "this" {
  name                      = var.name
  role_arn                  = aws_iam_role.control.arn
  version                   = "1.33"
  enabled_cluster_log_types = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = false
  }
  vpc_config {
    subnet_ids              = var.subnet_ids
    endpoint_private_access = true
    endpoint_public_access  = length(var.allowed_api_cidrs) > 0
    public_access_cidrs     = length(var.allowed_api_cidrs) > 0 ? var.allowed_api_cidrs : null
  }
  encryption_config {
    resources = ["secrets"]
    provider {
      key_arn = var.kms_key_arn
    }
  }
  depends_on = [aws_iam_role_policy_attachment.control, aws_cloudwatch_log_group.control]
}

resource "aws_eks_access_entry" "administrator" {
  for_each      = toset(var.administrators)
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.key
}

resource "aws_eks_access_policy_association" "administrator" {
  for_each      = toset(var.administrators)
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.key
  policy_arn    = "arn:${data.aws_partition.here.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
  access_scope {
    type = "cluster"
  }
}

resource "aws_iam_role" "node" {
  name               = "${var.name}-node"
  assume_role_policy = local.trust["ec2"]
}

resource "aws_iam_role_policy_attachment" "node" {
  for_each   = toset(["AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly", "CloudWatchAgentServerPolicy", "AWSXrayWriteOnlyAccess"])
  role       = aws_iam_role.node.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/${each.key}"
}

resource "aws_launch_template" "node" {
  name_prefix = "${var.name}-"
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # pods do not get the node's role
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      volume_size = 80
      volume_type = "gp3"
      encrypted   = true
      kms_key_id  = var.kms_key_arn
    }
  }
}

resource "aws_eks_node_group" "this" {
  for_each = merge(
    { general = { type = var.node_type, ami = "AL2023_x86_64_STANDARD", min = var.nodes.min, desired = var.nodes.desired, max = var.nodes.max } },
    var.gpu_nodes ? { gpu = { type = "g6.xlarge", ami = "AL2023_x86_64_NVIDIA", min = 0, desired = 0, max = 2 } } : {},
  )
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = each.key
  node_role_arn   = aws_iam_role.node.arn
  subnet_ids      = var.subnet_ids
  instance_types  = [each.value.type]
  ami_type        = each.value.ami
  launch_template {
    id      = aws_launch_template.node.id
    version = aws_launch_template.node.latest_version
  }
  scaling_config {
    min_size     = each.value.min
    desired_size = each.value.desired
    max_size     = each.value.max
  }
  update_config {
    max_unavailable = 1
  }
  dynamic "taint" {
    for_each = each.key == "gpu" ? [1] : []
    content {
      key    = "nvidia.com/gpu"
      value  = "present"
      effect = "NO_SCHEDULE"
    }
  }
  lifecycle {
    ignore_changes = [scaling_config[0].desired_size] # the autoscaler's
  }
  depends_on = [aws_iam_role_policy_attachment.node]
}

resource "aws_eks_addon" "this" {
  for_each     = toset(["vpc-cni", "kube-proxy", "coredns", "eks-pod-identity-agent", "aws-ebs-csi-driver", "aws-efs-csi-driver"])
  cluster_name = aws_eks_cluster.this.name
  addon_name   = each.key
  depends_on   = [aws_eks_node_group.this]
}

# The programs' own role: pictures and models, nothing else.
resource "aws_iam_role" "program" {
  name               = "${var.name}-program"
  assume_role_policy = local.trust["pods.eks"]
}

resource "aws_iam_role_policy" "program" {
  role = aws_iam_role.program.id
  policy = jsonencode({ Version = "2012-10-17", Statement = [
    { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = ["${var.bucket_arns["pictures"]}/*", "${var.bucket_arns["models"]}/*"] },
    { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.bucket_arns["pictures"], var.bucket_arns["models"]] },
    { Effect = "Allow", Action = ["kms:GenerateDataKey", "kms:Decrypt"], Resource = var.kms_key_arn },
  ] })
}

resource "aws_eks_pod_identity_association" "program" {
  cluster_name    = aws_eks_cluster.this.name
  namespace       = "shoal"
  service_account = "shoal"
  role_arn        = aws_iam_role.program.arn
}

output "name" { value = aws_eks_cluster.this.name }
output "node_security_group_id" { value = aws_eks_cluster.this.vpc_config[0].cluster_security_group_id }
