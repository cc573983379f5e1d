# Creates a migration through the API of pgmove with a generic REST provider, and waits for its end.
# azurerm and azapi cannot: they talk to Azure Resource Manager, which does not know of pgmove.
terraform {
  required_version = ">= 1.5"
  required_providers {
    restful = {
      source  = "magodo/restful"
      version = "~> 0.16"
    }
  }
}

provider "restful" {
  base_url = var.pgmove_url
  header   = { "x-functions-key" = var.function_key }
}

locals {
  server = join("/", [
    "/subscriptions", var.subscription_id, "resourceGroups", var.resource_group,
    "providers/Microsoft.DBforPostgreSQL/flexibleServers", var.target_server,
  ])
}

resource "restful_resource" "migration" {
  path          = "${local.server}/migrations/${var.migration_name}"
  create_method = "PUT"
  update_method = "PATCH"
  # DELETE cancels a migration that runs, and does nothing to one that has ended.
  delete_method = "DELETE"
  query         = { "api-version" = ["2025-08-01"] }

  body = {
    location = var.location
    properties = {
      migrationMode            = "Offline"
      migrationOption          = "ValidateAndMigrate"
      sourceType               = "OnPremises"
      sslMode                  = "VerifyFull"
      sourceDbServerResourceId = var.source_server
      dbsToMigrate             = var.databases
      secretParameters = {
        adminCredentials = {
          sourceServerPassword = var.source_password
          targetServerPassword = var.target_password
        }
        targetServerUsername = var.target_user
      }
    }
  }

  # The API gives no secret back.
  write_only_attrs = ["properties.secretParameters"]

  poll_create = {
    status_locator    = "body.properties.currentStatus.state"
    default_delay_sec = 10
    status = {
      success = "Succeeded"
      pending = ["InProgress", "WaitingForUserAction"]
    }
  }
}

output "state" {
  value = restful_resource.migration.output.properties.currentStatus.state
}
