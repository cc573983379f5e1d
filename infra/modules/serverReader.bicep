// What PGMOVE_ARM_METADATA needs: the identity may read the servers of this resource group.
param principalId string

// Reader
var reader = 'acdd72a7-3385-48ef-bd42-f606fba81ae7'

resource mayRead 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(resourceGroup().id, principalId, reader)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', reader)
    principalId: principalId
    principalType: 'ServicePrincipal'
  }
}
