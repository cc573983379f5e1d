param location string
param tags object
param token string
param principalId string

// Public also with private endpoints: images are built by the registry's tasks, whose machines are outside of every
// network (docs/security.md). Nobody gets an image without a login.
resource registry 'Microsoft.ContainerRegistry/registries@2023-07-01' = {
  name: 'crpgmove${token}'
  location: location
  tags: tags
  sku: { name: 'Basic' }
  properties: { adminUserEnabled: false, anonymousPullEnabled: false }
}

// AcrPull
var acrPull = '7f951dda-4ed3-4680-a7ca-43fe172d538d'

resource mayPull 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(registry.id, principalId, acrPull)
  scope: registry
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', acrPull)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

output loginServer string = registry.properties.loginServer
