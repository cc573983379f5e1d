// Creates a migration through the API of pgmove, as part of a deployment, and waits for its end.
//   az deployment group create --resource-group … --template-file examples/bicep/createMigration.bicep --parameters …
//
// A resource `Microsoft.DBforPostgreSQL/flexibleServers/migrations` in a template goes to Azure Resource
// Manager, which sends it to Microsoft's own provider and to nobody else: no other service can take a type
// of that namespace, and a custom provider cannot either. So a deployment script makes the call.
targetScope = 'resourceGroup'

@description('PGMOVE_URL of the deployment (azd env get-value PGMOVE_URL).')
param pgmoveUrl string

@description('Application (client) id that the API takes tokens for. Empty: functionKey is used.')
param entraClientId string = ''

@description('A function key, where the API has no Entra registration.')
@secure()
param functionKey string = ''

@description('User-assigned identity with the app role Migrations.Write; it asks for the token.')
param identityId string

@description('The target: a flexible server of this resource group.')
param targetServerName string

@description('Name of the migration, unique for the target.')
param migrationName string

@description('host:port@user of the source.')
param sourceServer string

param targetUser string

@secure()
param sourcePassword string

@secure()
param targetPassword string

@description('Databases to move.')
param databases array

@allowed(['Offline', 'Online'])
param mode string = 'Offline'

@description('Further properties of the migration, as docs/cli.md and /openapi.json name them.')
param properties object = {}

param location string = resourceGroup().location

@description('Changes with every deployment that is to run the script again.')
param runId string = utcNow()

var body = {
  location: location
  properties: union({
    migrationMode: mode
    migrationOption: 'ValidateAndMigrate'
    sourceType: 'OnPremises'
    sslMode: 'VerifyFull'
    sourceDbServerResourceId: sourceServer
    dbsToMigrate: databases
  }, properties)
}

var path = '${resourceGroup().id}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${targetServerName}/migrations/${migrationName}'

resource create 'Microsoft.Resources/deploymentScripts@2023-08-01' = {
  name: 'pgmove-${migrationName}'
  location: location
  kind: 'AzureCLI'
  identity: { type: 'UserAssigned', userAssignedIdentities: { '${identityId}': {} } }
  properties: {
    azCliVersion: '2.64.0'
    forceUpdateTag: runId
    timeout: 'PT4H'
    retentionInterval: 'PT1H'
    cleanupPreference: 'OnSuccess'
    environmentVariables: [
      { name: 'URL', value: '${pgmoveUrl}${path}?api-version=2025-08-01' }
      { name: 'CLIENT_ID', value: entraClientId }
      { name: 'FUNCTION_KEY', secureValue: functionKey }
      { name: 'BODY', value: string(body) }
      { name: 'TARGET_USER', value: targetUser }
      { name: 'SOURCE_PASSWORD', secureValue: sourcePassword }
      { name: 'TARGET_PASSWORD', secureValue: targetPassword }
    ]
    scriptContent: loadTextContent('createMigration.sh')
  }
}

output migration object = create.properties.outputs
