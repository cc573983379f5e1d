// The replicator: nobody there without a live session. A session's message is hidden by the replicator that owns
// it and counts all the same (`queueLengthStrategy: all`), so that the last one is never scaled away.
param location string
param tags object
param token string
param environmentId string
param identityId string
param registryServer string
param image string
param settings object
param storageAccountName string
param sessionsQueue string
param maxReplicas int
@description('Live sessions that one replicator carries.')
@minValue(1)
param sessionsPerReplicator int = 8

var placeholder = 'mcr.microsoft.com/azure-functions/node:4-node22'

resource app 'Microsoft.App/containerApps@2025-07-01' = {
  name: 'ca-pgmove-replicator-${take(token, 8)}'
  location: location
  tags: tags
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    managedEnvironmentId: environmentId
    workloadProfileName: 'Consumption'
    configuration: {
      activeRevisionsMode: 'Single'
      registries: [{ server: registryServer, identity: identityId }]
    }
    template: {
      // The longest that the platform allows: snapshots are held until the copies under them are in.
      terminationGracePeriodSeconds: 600
      containers: [
        {
          name: 'replicator'
          image: empty(image) ? placeholder : image
          resources: { cpu: json('2.0'), memory: '4Gi' }
          env: map(items(settings), setting => { name: setting.key, value: setting.value })
          probes: [
            {
              type: 'Liveness'
              httpGet: { path: '/health', port: 8080 }
              initialDelaySeconds: 20
              periodSeconds: 15
              failureThreshold: 4
            }
          ]
        }
      ]
      scale: {
        minReplicas: 0
        maxReplicas: maxReplicas
        cooldownPeriod: 300
        pollingInterval: 15
        rules: [
          {
            name: 'live-sessions'
            custom: {
              type: 'azure-queue'
              identity: identityId
              metadata: {
                accountName: storageAccountName
                queueName: sessionsQueue
                queueLength: string(sessionsPerReplicator)
                queueLengthStrategy: 'all'
                activationQueueLength: '0'
              }
            }
          }
        ]
      }
    }
  }
}

output name string = app.name
