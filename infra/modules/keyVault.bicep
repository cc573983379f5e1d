// Passwords and client keys of migrations, one secret for each, and the keys of the function app.
param location string
param tags object
param token string
param principalId string
param privateEndpoints bool
param endpointSubnetId string
param virtualNetworkId string
param workspaceId string

module vault 'br/public:avm/res/key-vault/vault:0.12.1' = {
  name: 'vault'
  params: {
    name: take('kv-pgm-${token}', 24)
    location: location
    tags: tags
    sku: 'standard'
    enableRbacAuthorization: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 7
    enablePurgeProtection: true
    publicNetworkAccess: privateEndpoints ? 'Disabled' : 'Enabled'
    networkAcls: { bypass: 'AzureServices', defaultAction: privateEndpoints ? 'Deny' : 'Allow' }
    // Who read which secret, and when.
    diagnosticSettings: [{ workspaceResourceId: workspaceId, logCategoriesAndGroups: [{ categoryGroup: 'audit' }] }]
    roleAssignments: [
      // Key Vault Secrets Officer: secrets are written and deleted too.
      {
        roleDefinitionIdOrName: 'b86a8fe4-44ce-4948-aee5-eccb2c155cd7'
        principalId: principalId
        principalType: 'ServicePrincipal'
      }
    ]
  }
}

module endpoint 'privateEndpoint.bicep' = if (privateEndpoints) {
  name: 'privateEndpoint-vault'
  params: {
    location: location
    tags: tags
    targetId: vault.outputs.resourceId
    groupId: 'vault'
    zoneName: 'privatelink.vaultcore.azure.net'
    subnetId: endpointSubnetId
    virtualNetworkId: virtualNetworkId
  }
}

output name string = vault.outputs.name
output uri string = vault.outputs.uri
