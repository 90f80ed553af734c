output "cluster_name" {
  description = "EKS cluster: aws eks update-kubeconfig --name ..."
  value       = module.cluster.name
}

output "database_secret_arn" {
  description = "Secret with the database's user and password; External Secrets makes shoal_database_url of it."
  value       = module.database.secret_arn
}

output "database_endpoint" {
  description = "Host of the database."
  value       = module.database.endpoint
}

output "kafka_bootstrap" {
  description = "values.kafka.bootstrap of the Helm chart."
  value       = module.kafka.bootstrap_brokers_sasl_scram
}

output "iot_endpoint" {
  description = "aws_iot.endpoint of edge.yaml."
  value       = module.iot.endpoint
}

output "iot_bridge_policy" {
  description = "Policy to attach to the bridge's certificate."
  value       = module.iot.bridge_policy_name
}

output "repositories" {
  description = "Where images are pushed."
  value       = module.storage.repositories
}
