// The store. Containers follow storage/schema.py; a test holds the two together.
param name string
param location string
param tags { *: string }

@allowed(['serverless', 'autoscale'])
param mode string
param maxThroughput int
param samplesRetentionDays int
param standingsRetentionDays int
param reportRetentionDays int
param appPrincipalId string
param developerPrincipalId string

var databaseName = 'spot-pc-insights'
var dataContributor = '00000000-0000-0000-0000-000000000002'
var principals = concat([appPrincipalId], empty(developerPrincipalId) ? [] : [developerPrincipalId])

// ttl in seconds since a document's last write; -1: for ever. Throughput with autoscale: a container has its own, which is
// what an account is left with that was serverless first (Microsoft, "Change from serverless to provisioned capacity
// mode"), and one that is busy takes none from others. Most goes to VM windows; rollups take less than a fifth of that; the
// others less than the least that can be set.
var leastThroughput = 1000
var containers = [
  { name: 'samples', ttl: (samplesRetentionDays + 1) * 86400, throughput: maxThroughput }
  { name: 'rollups', ttl: (samplesRetentionDays + 1) * 86400, throughput: (maxThroughput / 4 + 999) / 1000 * 1000 }
  { name: 'standings', ttl: standingsRetentionDays * 86400, throughput: (maxThroughput / 4 + 999) / 1000 * 1000 }
  { name: 'report', ttl: reportRetentionDays * 86400, throughput: leastThroughput }
  { name: 'marks', ttl: -1, throughput: leastThroughput }
  { name: 'catalogue', ttl: reportRetentionDays * 86400, throughput: leastThroughput }
  { name: 'quarantine', ttl: samplesRetentionDays * 86400, throughput: leastThroughput }
  { name: 'operations', ttl: -1, throughput: leastThroughput }
]

resource account 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' = {
  name: name
  location: location
  tags: tags
  kind: 'GlobalDocumentDB'
  properties: {
    databaseAccountOfferType: 'Standard'
    disableLocalAuth: true
    minimalTlsVersion: 'Tls12'
    // Averaging reads what other instances have just marked as written, so it has to see it: the order "target, then
    // sources" holds on no other level. Session promises a client its own writes only and reads others' as eventual. Its
    // token could travel with each mark, but then it would have to with each rollup and report row as well. One region,
    // so a write waits for no other; a read costs double, since two replicas answer it (Microsoft, "Consistency levels
    // in Azure Cosmos DB").
    consistencyPolicy: { defaultConsistencyLevel: 'Strong' }
    locations: [{ locationName: location, failoverPriority: 0, isZoneRedundant: false }]
    capabilities: mode == 'serverless' ? [{ name: 'EnableServerless' }] : []
    backupPolicy: { type: 'Continuous', continuousModeProperties: { tier: 'Continuous7Days' } }
  }
}

resource database 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases@2025-04-15' = {
  parent: account
  name: databaseName
  properties: {
    resource: { id: databaseName }
  }
}

resource tables 'Microsoft.DocumentDB/databaseAccounts/sqlDatabases/containers@2025-04-15' = [
  for container in containers: {
    parent: database
    name: container.name
    properties: {
      resource: {
        id: container.name
        partitionKey: { paths: ['/pk'], kind: 'Hash', version: 2 }
        defaultTtl: container.ttl
        indexingPolicy: {
          indexingMode: 'consistent'
          automatic: true
          // An excluded partition key is not indexed either: a range of ids in one partition would then look at that
          // range in the whole physical partition (Microsoft, "Indexing policies in Azure Cosmos DB"). id always is.
          includedPaths: [{ path: '/pk/?' }]
          excludedPaths: [{ path: '/*' }]
        }
      }
      options: mode == 'serverless' ? {} : { autoscaleSettings: { maxThroughput: container.throughput } }
    }
  }
]

// One after the other, and after the containers: each takes the account's exclusive lock, and who finds it taken is refused
// (412; terraform-provider-azurerm 15842).
@batchSize(1)
resource mayReadAndWrite 'Microsoft.DocumentDB/databaseAccounts/sqlRoleAssignments@2025-04-15' = [
  for principalId in principals: {
    parent: account
    name: guid(account.id, principalId, dataContributor)
    properties: {
      principalId: principalId
      roleDefinitionId: '${account.id}/sqlRoleDefinitions/${dataContributor}'
      scope: account.id
    }
    dependsOn: [tables]
  }
]

output name string = account.name
output endpoint string = account.properties.documentEndpoint
output database string = database.name
