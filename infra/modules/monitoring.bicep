param location string
param tags object
param token string
param principalId string

module workspace 'br/public:avm/res/operational-insights/workspace:0.12.0' = {
  name: 'workspace'
  params: { name: 'log-pgmove-${token}', location: location, tags: tags, dataRetention: 30 }
}

module insights 'br/public:avm/res/insights/component:0.6.1' = {
  name: 'insights'
  params: {
    name: 'appi-pgmove-${token}'
    location: location
    tags: tags
    workspaceResourceId: workspace.outputs.resourceId
    roleAssignments: [
      // Monitoring Metrics Publisher
      {
        roleDefinitionIdOrName: '3913510d-42f4-4e42-8a64-420c390055eb'
        principalId: principalId
        principalType: 'ServicePrincipal'
      }
    ]
  }
}

output workspaceId string = workspace.outputs.resourceId
output workspaceName string = workspace.outputs.name
output connectionString string = insights.outputs.connectionString
