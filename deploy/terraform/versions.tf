terraform {
  required_version = ">= 1.11" # write-only arguments: secrets in no state
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 5.90"
    }
  }
  # State is shared and locked; the bucket is made once by hand (README.md).
  backend "s3" {}
}

provider "aws" {
  region = var.region
  default_tags {
    tags = {
      Project     = "shoal"
      Environment = var.environment
      ManagedBy   = "terraform"
    }
  }
}
