// All state: tables, queues, blobs, and the Durable extension's own. No keys: identities only.
param location string
param tags object
param token string
param principalId string
param skuName string
param privateEndpoints bool
param endpointSubnetId string
param virtualNetworkId string

// One message per live session (a snapshot or a stream); the replicator is scaled by their number.
var sessionsQueue = 'replicator-sessions'
var services = ['blob', 'queue', 'table']

// Storage Blob Data Owner, Storage Queue Data Contributor, Storage Table Data Contributor: what the
// Functions host and the Durable extension need, and no more.
var roles = [
  'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
]

module account 'br/public:avm/res/storage/storage-account:0.27.1' = {
  name: 'storageAccount'
  params: {
    name: 'stpgmove${token}'
    location: location
    tags: tags
    kind: 'StorageV2'
    skuName: skuName
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    minimumTlsVersion: 'TLS1_2'
    publicNetworkAccess: privateEndpoints ? 'Disabled' : 'Enabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: privateEndpoints ? 'Deny' : 'Allow' }
    queueServices: { queues: [{ name: sessionsQueue }] }
    roleAssignments: map(roles, role => {
      roleDefinitionIdOrName: role
      principalId: principalId
      principalType: 'ServicePrincipal'
    })
  }
}

module endpoints 'privateEndpoint.bicep' = [
  for service in services: if (privateEndpoints) {
    name: 'privateEndpoint-${service}'
    params: {
      location: location
      tags: tags
      targetId: account.outputs.resourceId
      groupId: service
      zoneName: 'privatelink.${service}.${environment().suffixes.storage}'
      subnetId: endpointSubnetId
      virtualNetworkId: virtualNetworkId
    }
  }
]

output name string = account.outputs.name
output sessionsQueue string = sessionsQueue
