# One farm company's cloud: network -> keys and storage -> database, cache, Kafka -> Kubernetes -> entrance; devices enter by IoT
# Core. The programs themselves are the Helm chart's.

locals {
  name = "shoal-${var.environment}"
  # What differs between environments, in one table.
  sizes = {
    dev = {
      zones          = 2, nat_per_zone = false, node_type = "m7i.large", nodes = [1, 2, 3]
      database_class = "db.t4g.medium", database_gb = 50, multi_az = false, backup_days = 3
      cache_type     = "cache.t4g.small", cache_nodes = 1, kafka_type = "kafka.t3.small", kafka_gb = 50
      log_days       = 14, protected = false
    }
    staging = {
      zones          = 3, nat_per_zone = false, node_type = "m7i.large", nodes = [2, 3, 6]
      database_class = "db.m7g.large", database_gb = 200, multi_az = false, backup_days = 7
      cache_type     = "cache.m7g.large", cache_nodes = 2, kafka_type = "kafka.m7g.large", kafka_gb = 200
      log_days       = 30, protected = false
    }
    production = {
      zones          = 3, nat_per_zone = true, node_type = "m7i.xlarge", nodes = [3, 4, 24]
      database_class = "db.r7g.2xlarge", database_gb = 1000, multi_az = true, backup_days = 35
      cache_type     = "cache.m7g.large", cache_nodes = 3, kafka_type = "kafka.m7g.xlarge", kafka_gb = 1000
      log_days       = 365, protected = true
    }
  }
  size = local.sizes[var.environment]
}

module "network" {
  source       = "./modules/network"
  name         = local.name
  cidr         = var.cidr
  zones        = local.size.zones
  nat_per_zone = local.size.nat_per_zone
  log_days     = local.size.log_days
  kms_key_arn  = module.storage.kms_key_arn
}

module "storage" {
  source    = "./modules/storage"
  name      = local.name
  protected = local.size.protected
}

module "cluster" {
  source            = "./modules/cluster"
  name              = local.name
  subnet_ids        = module.network.private_subnet_ids
  node_type         = local.size.node_type
  nodes             = { min = local.size.nodes[0], desired = local.size.nodes[1], max = local.size.nodes[2] }
  gpu_nodes         = var.gpu_nodes
  administrators    = var.administrators
  allowed_api_cidrs = var.allowed_api_cidrs
  kms_key_arn       = module.storage.kms_key_arn
  log_days          = local.size.log_days
  bucket_arns       = module.storage.bucket_arns
}

module "database" {
  source                 = "./modules/database"
  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.data_subnet_ids
  client_security_groups = [module.cluster.node_security_group_id]
  instance_class         = local.size.database_class
  storage_gb             = local.size.database_gb
  multi_az               = local.size.multi_az
  backup_days            = local.size.backup_days
  protected              = local.size.protected
  kms_key_arn            = module.storage.kms_key_arn
}

module "cache" {
  source                 = "./modules/cache"
  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.data_subnet_ids
  client_security_groups = [module.cluster.node_security_group_id]
  node_type              = local.size.cache_type
  nodes                  = local.size.cache_nodes
  kms_key_arn            = module.storage.kms_key_arn
}

module "kafka" {
  source                 = "./modules/kafka"
  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.data_subnet_ids
  client_security_groups = [module.cluster.node_security_group_id, module.iot.rule_security_group_id]
  instance_type          = local.size.kafka_type
  password               = var.kafka_password
  storage_gb             = local.size.kafka_gb
  kms_key_arn            = module.storage.kms_key_arn
  log_days               = local.size.log_days
}

module "iot" {
  source            = "./modules/iot"
  name              = local.name
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.private_subnet_ids
  kafka_bootstrap   = module.kafka.bootstrap_brokers_sasl_scram
  kafka_secret_name = module.kafka.secret_name
  kafka_secret_arn  = module.kafka.secret_arn
  kms_key_arn       = module.storage.kms_key_arn
}

module "entrance" {
  source            = "./modules/entrance"
  name              = local.name
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.public_subnet_ids
  node_group        = module.cluster.node_security_group_id
  domain            = var.domain
  zone_id           = var.zone_id
  protected         = local.size.protected
  access_log_bucket = module.storage.log_bucket
  kms_key_arn       = module.storage.kms_key_arn
  log_days          = local.size.log_days
}

module "security" {
  source      = "./modules/security"
  name        = local.name
  kms_key_arn = module.storage.kms_key_arn
  log_bucket  = module.storage.log_bucket
  log_days    = local.size.log_days
}

module "monitoring" {
  source          = "./modules/monitoring"
  name            = local.name
  alarm_email     = var.alarm_email
  database_id     = module.database.identifier
  database_gb     = local.size.database_gb
  load_balancer   = module.entrance.load_balancer_suffix
  kafka_cluster   = module.kafka.cluster_name
  monthly_usd     = { dev = 600, staging = 1500, production = 6000 }[var.environment]
  kms_key_arn     = module.storage.kms_key_arn
  dead_letter_sqs = module.iot.failed_queue_name
}

module "enterprise" {
  source                 = "./modules/enterprise"
  for_each               = var.enterprise_databases
  name                   = local.name
  engine                 = each.key
  vpc_id                 = module.network.vpc_id
  subnet_group           = module.database.subnet_group
  client_security_groups = [module.cluster.node_security_group_id]
  multi_az               = local.size.multi_az
  backup_days            = local.size.backup_days
  protected              = local.size.protected
  kms_key_arn            = module.storage.kms_key_arn
}
