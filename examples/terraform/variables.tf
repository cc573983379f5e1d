variable "pgmove_url" {
  type        = string
  description = "PGMOVE_URL of the deployment."
}

variable "function_key" {
  type        = string
  sensitive   = true
  description = "A function key of the app."
}

variable "subscription_id" {
  type = string
}

variable "resource_group" {
  type        = string
  description = "Resource group of the target server."
}

variable "target_server" {
  type        = string
  description = "Name of the target, without its domain."
}

variable "target_user" {
  type = string
}

variable "target_password" {
  type      = string
  sensitive = true
}

variable "source_server" {
  type        = string
  description = "host:port@user"
}

variable "source_password" {
  type      = string
  sensitive = true
}

variable "databases" {
  type = list(string)
}

variable "migration_name" {
  type    = string
  default = "from-terraform"
}

variable "location" {
  type    = string
  default = "westeurope"
}
