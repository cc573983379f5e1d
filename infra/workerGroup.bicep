// A worker group beside the deployment of main.bicep: the same images over the same state, in another network, with
// a task hub and queues of its own. It carries the migrations that name it in migrationInstanceResourceId.
//   az deployment group create --resource-group rg-<environment> --template-file infra/workerGroup.bicep --parameters …
// The values are outputs of main.bicep (`azd env get-values`).
targetScope = 'resourceGroup'

@description('Name of the group: 1 to 20 lower-case letters and digits, as migrations name it.')
@minLength(1)
@maxLength(20)
param runtimeId string

@description('PGMOVE_IDENTITY_NAME')
param identityName string

@description('PGMOVE_STORAGE_ACCOUNT')
param storageAccountName string

@description('PGMOVE_KEY_VAULT')
param keyVaultName string

@description('AZURE_CONTAINER_REGISTRY_ENDPOINT')
param registryServer string

@description('PGMOVE_WORKSPACE_NAME')
param workspaceName string

@description('SERVICE_FUNCTIONS_IMAGE_NAME')
param functionsImage string

@description('SERVICE_REPLICATOR_IMAGE_NAME')
param replicatorImage string

@description('A subnet that is delegated to Microsoft.App/environments, from which both servers are reached, and the state as well. Empty: none.')
param subnetId string = ''

@description('PGMOVE_ALLOWED_HOSTS of the group. Empty: every server.')
param allowedHosts string = ''

@description('PGMOVE_ARM_METADATA of the group. The identity needs Reader on the servers (PGMOVE_SERVER_RESOURCE_GROUPS of the deployment).')
param readsServerMetadata bool = false

param location string = resourceGroup().location

var tags = { application: 'pgmove', runtime: runtimeId }
var token = toLower(uniqueString(resourceGroup().id, runtimeId))

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' existing = {
  name: keyVaultName
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageAccountName

  resource queues 'queueServices' existing = {
    name: 'default'
  }
}

resource sessions 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' = {
  parent: account::queues
  name: 'replicator-sessions-${runtimeId}'
}

module environment 'modules/containerEnvironment.bicep' = {
  name: 'containerEnvironment-${runtimeId}'
  params: { location: location, tags: tags, token: token, workspaceName: workspaceName, subnetId: subnetId }
}

var settings = {
  AzureWebJobsStorage__accountName: storageAccountName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.properties.clientId
  AZURE_CLIENT_ID: identity.properties.clientId
  PGMOVE_SECRETS: vault.properties.vaultUri
  PGMOVE_ALLOWED_HOSTS: allowedHosts
  PGMOVE_RUNTIME: runtimeId
}

var functionsSettings = union(settings, {
  FUNCTIONS_WORKER_RUNTIME: 'node'
  FUNCTIONS_EXTENSION_VERSION: '~4'
  AzureWebJobsDisableHomepage: 'true'
  // Two function apps in one vault would share their keys, and this one is called by nobody.
  AzureWebJobsSecretStorageType: 'files'
  PGMOVE_ARM_METADATA: readsServerMetadata ? 'true' : 'false'
  AzureFunctionsJobHost__extensions__durableTask__hubName: 'pgmove${runtimeId}'
})

module functionsApp 'modules/functionsContainerApp.bicep' = {
  name: 'functions-${runtimeId}'
  params: {
    location: location
    tags: tags
    token: token
    environmentId: environment.outputs.id
    identityId: identity.id
    registryServer: registryServer
    image: functionsImage
    settings: functionsSettings
    // Nobody calls a group: it gets its work by queues.
    external: false
    entraClientId: ''
    entraTenantId: ''
  }
}

module replicator 'modules/replicator.bicep' = {
  name: 'replicator-${runtimeId}'
  params: {
    location: location
    tags: tags
    token: token
    environmentId: environment.outputs.id
    identityId: identity.id
    registryServer: registryServer
    image: replicatorImage
    settings: settings
    storageAccountName: storageAccountName
    sessionsQueue: sessions.name
    maxReplicas: 5
  }
}

output functionsName string = functionsApp.outputs.name
output replicatorName string = replicator.outputs.name
