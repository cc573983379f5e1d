param location string
param tags object
param token string
param principalId string
param privateEndpoints bool
param endpointSubnetId string
param virtualNetworkId string

resource topic 'Microsoft.EventGrid/topics@2025-02-15' = {
  name: 'evgt-pgmove-${token}'
  location: location
  tags: tags
  properties: {
    inputSchema: 'CloudEventSchemaV1_0'
    disableLocalAuth: true
    minimumTlsVersionAllowed: '1.2'
    publicNetworkAccess: privateEndpoints ? 'Disabled' : 'Enabled'
  }
}

// For who publishes. Subscriptions get their events as before: Event Grid sends them from its own network.
module endpoint 'privateEndpoint.bicep' = if (privateEndpoints) {
  name: 'privateEndpoint-topic'
  params: {
    location: location
    tags: tags
    targetId: topic.id
    groupId: 'topic'
    zoneName: 'privatelink.eventgrid.azure.net'
    subnetId: endpointSubnetId
    virtualNetworkId: virtualNetworkId
  }
}

// EventGrid Data Sender
var dataSender = 'd5a91429-5739-47e2-a06b-3470a27159e7'

resource mayPublish 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(topic.id, principalId, dataSender)
  scope: topic
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}

output name string = topic.name
output endpoint string = topic.properties.endpoint
