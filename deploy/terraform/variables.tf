variable "environment" {
  description = "dev, staging or production; names everything and chooses the sizes."
  type        = string
  validation {
    condition     = contains(["dev", "staging", "production"], var.environment)
    error_message = "Use dev, staging or production."
  }
}

variable "region" {
  description = "AWS region, near the farms and where their data may be."
  type        = string
}

variable "cidr" {
  description = "Address range of the VPC; a /16 leaves room for pods."
  type        = string
  default     = "10.40.0.0/16"
  validation {
    condition     = can(cidrhost(var.cidr, 0)) && tonumber(split("/", var.cidr)[1]) <= 18
    error_message = "Use a valid range of /18 or larger: pods take an address each."
  }
}

variable "domain" {
  description = "Name under which people reach the dashboard."
  type        = string
}

variable "zone_id" {
  description = "Route 53 zone of the domain."
  type        = string
}

variable "alarm_email" {
  description = "Who is told of the platform's own alarms and of the budget."
  type        = string
}

variable "administrators" {
  description = "IAM role ARNs that administer the Kubernetes cluster."
  type        = list(string)
  default     = []
}

variable "allowed_api_cidrs" {
  description = "Addresses that may reach the Kubernetes API from outside. Empty: it is private."
  type        = list(string)
  default     = []
  validation {
    condition     = !contains(var.allowed_api_cidrs, "0.0.0.0/0")
    error_message = "The Kubernetes API is not for everybody; name your own addresses."
  }
}

variable "gpu_nodes" {
  description = "Make a group of GPU nodes for training; it scales to zero."
  type        = bool
  default     = false
}

variable "enterprise_databases" {
  description = "Databases of a company's own systems to synchronise with: sqlserver, oracle, both or none."
  type        = set(string)
  default     = []
  validation {
    condition     = length(setsubtract(var.enterprise_databases, ["sqlserver", "oracle"])) == 0
    error_message = "Use sqlserver and oracle only."
  }
}

variable "kafka_password" {
  description = "Password of the user shoal at Kafka, from TF_VAR_kafka_password; it goes to Secrets Manager and to no state."
  type        = string
  sensitive   = true
  ephemeral   = true
  validation {
    condition     = length(var.kafka_password) >= 32
    error_message = "Use 32 characters or more: openssl rand -hex 24."
  }
}
