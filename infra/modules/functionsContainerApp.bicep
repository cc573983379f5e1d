// The function app on Container Apps. At least one replica: the storage backend of the Durable
// extension has no scale rule there, and timers and orchestrations need somebody awake.
param location string
param tags object
param token string
param environmentId string
param identityId string
param registryServer string
param image string
param settings object
param entraClientId string
param entraTenantId string
@description('Whether it is reached from outside of the environment.')
param external bool = true
@minValue(1)
param minReplicas int = 1
@minValue(1)
param maxReplicas int = 10

var usesEntra = !empty(entraClientId)
var placeholder = 'mcr.microsoft.com/azure-functions/node:4-node22'
var allSettings = usesEntra ? union(settings, { PGMOVE_AUTH: 'entra' }) : settings

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: 'ca-pgmove-functions-${take(token, 8)}'
  location: location
  tags: tags
  kind: 'functionapp'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    managedEnvironmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      ingress: { external: external, targetPort: 80, transport: 'auto', allowInsecure: false }
      registries: [{ server: registryServer, identity: identityId }]
    }
    template: {
      // Time for what runs; an activity that is cut off is repeated.
      terminationGracePeriodSeconds: 600
      containers: [
        {
          name: 'functions'
          image: empty(image) ? placeholder : image
          resources: { cpu: json('2.0'), memory: '4Gi' }
          env: map(items(allSettings), setting => { name: setting.key, value: setting.value })
        }
      ]
      scale: { minReplicas: minReplicas, maxReplicas: maxReplicas }
    }
  }
}

resource auth 'Microsoft.App/containerApps/authConfigs@2025-01-01' = if (usesEntra) {
  parent: app
  name: 'current'
  properties: {
    platform: { enabled: true }
    globalValidation: {
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
output url string = 'https://${app.properties.configuration.ingress.fqdn}'
