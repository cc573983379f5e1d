// The function app on a Premium plan: instances that stay warm, and no limit of a run's time.
param location string
param tags object
param token string
param identityId string
param identityClientId string
param registryServer string
param image string
param settings object
@description('Empty: no virtual network.')
param subnetId string
param entraClientId string
param entraTenantId string

var usesEntra = !empty(entraClientId)
var placeholder = 'mcr.microsoft.com/azure-functions/node:4-node22'
var allSettings = usesEntra ? union(settings, { PGMOVE_AUTH: 'entra' }) : settings

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: 'plan-pgmove-${token}'
  location: location
  tags: tags
  kind: 'elastic'
  sku: { name: 'EP1', tier: 'ElasticPremium' }
  properties: { reserved: true, maximumElasticWorkerCount: 10 }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: 'func-pgmove-${token}'
  location: location
  tags: tags
  kind: 'functionapp,linux,container'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      linuxFxVersion: 'DOCKER|${empty(image) ? placeholder : image}'
      acrUseManagedIdentityCreds: true
      acrUserManagedIdentityID: identityClientId
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      healthCheckPath: '/health'
      vnetRouteAllEnabled: !empty(subnetId)
      minimumElasticInstanceCount: 1
      functionsRuntimeScaleMonitoringEnabled: !empty(subnetId)
      appSettings: concat(
        map(items(allSettings), setting => { name: setting.key, value: setting.value }),
        [
          { name: 'WEBSITES_ENABLE_APP_SERVICE_STORAGE', value: 'false' }
          { name: 'DOCKER_REGISTRY_SERVER_URL', value: 'https://${registryServer}' }
        ]
      )
    }
  }
}

resource auth 'Microsoft.Web/sites/config@2024-04-01' = if (usesEntra) {
  parent: app
  name: 'authsettingsV2'
  properties: {
    platform: { enabled: true }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: 'RedirectToLoginPage'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: ['/health', '/openapi.json']
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: true
        registration: {
          clientId: entraClientId
          openIdIssuer: '${az.environment().authentication.loginEndpoint}${entraTenantId}/v2.0'
        }
        validation: { allowedAudiences: ['api://${entraClientId}', entraClientId] }
      }
    }
  }
}

output name string = app.name
output url string = 'https://${app.properties.defaultHostName}'
