// The whole service in one resource group: `azd up`, or
// `az deployment sub create --location … --template-file infra/main.bicep --parameters …`.
targetScope = 'subscription'

@description('Name of the azd environment; the names of all resources are made from it.')
@minLength(1)
@maxLength(40)
param environmentName string

@description('Region. The one of the target servers keeps the way of the rows short.')
param location string

@description('Where the function app runs: on Container Apps, or on a Premium plan (EP1).')
@allowed(['containerApps', 'premium'])
param hosting string = 'containerApps'

@description('Image of the function app. Empty: a placeholder, until the first deployment.')
param functionsImage string = ''

@description('Image of the replicator. Empty: a placeholder, until the first deployment.')
param replicatorImage string = ''

@description('Both parts run in a virtual network of their own, which can be peered to those of the servers.')
param useVirtualNetwork bool = false

@description('Storage, Key Vault and the Event Grid topic are reached by private endpoints only. Needs useVirtualNetwork.')
param usePrivateEndpoints bool = false

@description('Addresses of the virtual network, at least a /22.')
param virtualNetworkAddressPrefix string = '10.110.0.0/22'

@description('Application (client) id of the Entra registration that callers log in to. Empty: function keys only.')
param entraClientId string = ''

@description('Tenant of that registration. Empty: the tenant of the subscription.')
param entraTenantId string = ''

@description('PGMOVE_ALLOWED_HOSTS: the servers that a migration may name. Empty: every server.')
param allowedHosts string = ''

@description('PGMOVE_PUBLIC_HOSTS: names under which a proxy (Front Door) offers the service. Empty: none.')
param publicHosts string = ''

@description('Resource groups of servers that the service may read from Azure Resource Manager, separated by commas: <name>, or <subscription id>/<name>. Empty: none.')
param serverResourceGroups string = ''

@description('Redundancy of the state. Standard_LRS where the region has no zones.')
@allowed(['Standard_ZRS', 'Standard_LRS', 'Standard_GZRS', 'Standard_GRS'])
param storageSku string = 'Standard_ZRS'

@description('Replicators at most; each carries several databases.')
@minValue(1)
@maxValue(100)
param maxReplicators int = 5

var tags = { 'azd-env-name': environmentName, application: 'pgmove' }
var token = toLower(uniqueString(subscription().id, environmentName, location))
var tenantId = empty(entraTenantId) ? tenant().tenantId : entraTenantId
var serverGroups = filter(map(split(serverResourceGroups, ','), part => trim(part)), part => !empty(part))

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: group
  params: { location: location, tags: tags, token: token }
}

module network 'modules/network.bicep' = if (useVirtualNetwork) {
  name: 'network'
  scope: group
  params: { location: location, tags: tags, token: token, addressPrefix: virtualNetworkAddressPrefix }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: group
  params: { location: location, tags: tags, token: token, principalId: identity.outputs.principalId }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    principalId: identity.outputs.principalId
    skuName: storageSku
    privateEndpoints: usePrivateEndpoints
    endpointSubnetId: network.?outputs.endpointSubnetId ?? ''
    virtualNetworkId: network.?outputs.virtualNetworkId ?? ''
  }
}

module keyVault 'modules/keyVault.bicep' = {
  name: 'keyVault'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    principalId: identity.outputs.principalId
    privateEndpoints: usePrivateEndpoints
    endpointSubnetId: network.?outputs.endpointSubnetId ?? ''
    virtualNetworkId: network.?outputs.virtualNetworkId ?? ''
    workspaceId: monitoring.outputs.workspaceId
  }
}

module eventGrid 'modules/eventGrid.bicep' = {
  name: 'eventGrid'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    principalId: identity.outputs.principalId
    privateEndpoints: usePrivateEndpoints
    endpointSubnetId: network.?outputs.endpointSubnetId ?? ''
    virtualNetworkId: network.?outputs.virtualNetworkId ?? ''
  }
}

module registry 'modules/registry.bicep' = {
  name: 'registry'
  scope: group
  params: { location: location, tags: tags, token: token, principalId: identity.outputs.principalId }
}

module serverReaders 'modules/serverReader.bicep' = [
  for (serverGroup, index) in serverGroups: {
    name: 'serverReader-${token}-${index}'
    scope: resourceGroup(
      contains(serverGroup, '/') ? split(serverGroup, '/')[0] : subscription().subscriptionId,
      last(split(serverGroup, '/'))!
    )
    params: { principalId: identity.outputs.principalId }
  }
]

module environment 'modules/containerEnvironment.bicep' = {
  name: 'containerEnvironment'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    workspaceName: monitoring.outputs.workspaceName
    subnetId: network.?outputs.appsSubnetId ?? ''
  }
}

var settings = {
  AzureWebJobsStorage__accountName: storage.outputs.name
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identity.outputs.clientId
  AZURE_CLIENT_ID: identity.outputs.clientId
  PGMOVE_SECRETS: keyVault.outputs.uri
  PGMOVE_ALLOWED_HOSTS: allowedHosts
  APPLICATIONINSIGHTS_CONNECTION_STRING: monitoring.outputs.connectionString
}

// The replicator publishes nothing, and nobody calls it: these are the function app's own.
var metadataSettings = empty(serverGroups) ? {} : { PGMOVE_ARM_METADATA: 'true' }
var functionsSettings = union(settings, metadataSettings, {
  FUNCTIONS_WORKER_RUNTIME: 'node'
  FUNCTIONS_EXTENSION_VERSION: '~4'
  AzureWebJobsDisableHomepage: 'true'
  AzureWebJobsSecretStorageType: 'keyvault'
  AzureWebJobsSecretStorageKeyVaultUri: keyVault.outputs.uri
  AzureWebJobsSecretStorageKeyVaultClientId: identity.outputs.clientId
  PGMOVE_PUBLIC_HOSTS: publicHosts
  EVENT_GRID_TOPIC_ENDPOINT: eventGrid.outputs.endpoint
})

module functionsApp 'modules/functionsContainerApp.bicep' = if (hosting == 'containerApps') {
  name: 'functionsContainerApp'
  scope: group
  params: {
    location: location
    tags: union(tags, { 'azd-service-name': 'functions' })
    token: token
    environmentId: environment.outputs.id
    identityId: identity.outputs.id
    registryServer: registry.outputs.loginServer
    image: functionsImage
    settings: functionsSettings
    entraClientId: entraClientId
    entraTenantId: tenantId
  }
}

module functionsPremium 'modules/functionsPremium.bicep' = if (hosting == 'premium') {
  name: 'functionsPremium'
  scope: group
  params: {
    location: location
    tags: tags
    token: token
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    registryServer: registry.outputs.loginServer
    image: functionsImage
    settings: functionsSettings
    subnetId: network.?outputs.webSubnetId ?? ''
    entraClientId: entraClientId
    entraTenantId: tenantId
  }
}

module replicator 'modules/replicator.bicep' = {
  name: 'replicator'
  scope: group
  params: {
    location: location
    tags: union(tags, { 'azd-service-name': 'replicator' })
    token: token
    environmentId: environment.outputs.id
    identityId: identity.outputs.id
    registryServer: registry.outputs.loginServer
    image: replicatorImage
    settings: settings
    storageAccountName: storage.outputs.name
    sessionsQueue: storage.outputs.sessionsQueue
    maxReplicas: maxReplicators
  }
}

output AZURE_LOCATION string = location
output AZURE_TENANT_ID string = tenantId
output AZURE_RESOURCE_GROUP string = group.name
output AZURE_CONTAINER_REGISTRY_ENDPOINT string = registry.outputs.loginServer
output AZURE_CONTAINER_ENVIRONMENT_NAME string = environment.outputs.name
output SERVICE_REPLICATOR_NAME string = replicator.outputs.name
output SERVICE_FUNCTIONS_NAME string = functionsApp.?outputs.name ?? functionsPremium.?outputs.name ?? ''
output PGMOVE_URL string = functionsApp.?outputs.url ?? functionsPremium.?outputs.url ?? ''
output PGMOVE_IDENTITY_NAME string = identity.outputs.name
output PGMOVE_IDENTITY_CLIENT_ID string = identity.outputs.clientId
output PGMOVE_STORAGE_ACCOUNT string = storage.outputs.name
output PGMOVE_KEY_VAULT string = keyVault.outputs.name
output PGMOVE_EVENT_GRID_TOPIC string = eventGrid.outputs.name
output PGMOVE_WORKSPACE_NAME string = monitoring.outputs.workspaceName
