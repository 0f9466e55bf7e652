// The one queue between tenants and the app. SPOCs may send, and no key opens it. The app owns the queue: it receives; it
// sends back what an operator asks for from the dead letters; and as the app's identity the platform reads how long the
// queue is, to scale by it. With the right to receive alone it guesses that, and says nothing (azure-docs 128626).
param name string
param location string
param tags { *: string }
param queueName string
param appPrincipalId string
param spocPrincipalIds string[]
param developerPrincipalId string

var dataReceiver = '4f6d3b9b-027b-4f4c-9142-0e5a2a2247e0'
var dataOwner = '090c5cfd-751d-490a-894a-3ce6f1109419'
var dataSender = '69a216fc-b8fb-44d8-bc22-1f3c2cd27a39'

resource namespace 'Microsoft.ServiceBus/namespaces@2024-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: 'Standard'
    tier: 'Standard'
  }
  properties: {
    disableLocalAuth: true
    minimumTlsVersion: '1.2'
  }
}

resource queue 'Microsoft.ServiceBus/namespaces/queues@2024-01-01' = {
  parent: namespace
  name: queueName
  properties: {
    // A batch is done in seconds; a lock of a batch is not renewed, so it is as long as there is.
    lockDuration: 'PT5M'
    // An abandoned message comes again at once. While the store is down the app therefore holds a batch for some 200 s,
    // trying again inside of that, before it gives it back: so 60 deliveries are more than three hours of such an outage.
    maxDeliveryCount: 60
    // A SPOC that was cut off sends the same message ids again within this time.
    requiresDuplicateDetection: true
    duplicateDetectionHistoryTimeWindow: 'PT1H'
    defaultMessageTimeToLive: 'P14D'
    deadLetteringOnMessageExpiration: true
    maxSizeInMegabytes: 5120
  }
}

resource appMay 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(queue.id, appPrincipalId, dataOwner)
  scope: queue
  properties: {
    principalId: appPrincipalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataOwner)
  }
}

resource spocsMaySend 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for principalId in union(spocPrincipalIds, []): { // each once, however often it is named
    name: guid(queue.id, principalId, dataSender)
    scope: queue
    properties: {
      principalId: principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', dataSender)
    }
  }
]

// Who deploys may be a SPOC too, and may send then already: a second assignment would have the first one's name.
var developerRoles = contains(spocPrincipalIds, developerPrincipalId) ? [dataReceiver] : [dataReceiver, dataSender]

resource developerMay 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for role in (empty(developerPrincipalId) ? [] : developerRoles): {
    name: guid(queue.id, developerPrincipalId, role)
    scope: queue
    properties: {
      principalId: developerPrincipalId
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', role)
    }
  }
]

output name string = namespace.name
output fullyQualifiedNamespace string = '${namespace.name}.servicebus.windows.net'
