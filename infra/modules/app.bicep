// The function app on Flex Consumption, with its settings. Code comes by one deploy from the packages container.
param planName string
param name string
param location string
param tags { *: string }
param identityId string
param identityClientId string
param storageName string
param packagesContainer string
param insightsName string
param pythonVersion string
param instanceMemoryMB int
param maximumInstanceCount int
param httpConcurrency int

@description('Client id of the app registration that people and machines sign in to; empty: nobody signs in.')
param authClientId string

@description('Who issues their tokens.')
param authIssuer string

@description('Whether the platform proves itself to that registration by the app\'s identity.')
param authFederated bool

@description('Origins whose pages may read the app\'s answers, without cookies.')
param allowedOrigins string[]

@description('The app\'s own settings: blueprints/settings.py, and those that triggers name.')
param settings { *: string }

resource storage 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource plan 'Microsoft.Web/serverfarms@2024-11-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: { reserved: true }
}

var hostSettings = {
  // By the account's name and not by the addresses of its services: with these the host sometimes can't make its client
  // when it starts, knows no keys then, and answers every call with 401 (azure-functions-host 11787). The name is enough
  // for Durable Functions too.
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  // An address and no secret: ingestion takes nothing but Entra identities.
  APPLICATIONINSIGHTS_CONNECTION_STRING: insights.properties.ConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // Which identity the app's own connections (Cosmos DB, and the queue to which pushes go) are made with.
  AZURE_CLIENT_ID: identityClientId
  // The most bytes of a request's body that the host reads before it asks the app: anybody may push, and a message has
  // at most 252 KB. Without it, 100 MB.
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576'
}

var signIn = !empty(authClientId)
// There is no secret in any case. By default the platform signs people in by ID token (form_post), which is all that is used
// here. With a federated credential at the registration, the app's identity proves itself, in place of a secret.
var federated = signIn && authFederated
var signInSecretSetting = 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'

resource site 'Microsoft.Web/sites@2024-11-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'app' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // Settings that are references to Key Vault are resolved by the app's own identity.
    keyVaultReferenceIdentity: identityId
    siteConfig: {
      minTlsVersion: '1.2'
      // The platform answers preflights itself: with keys, the host would refuse them before the app is asked.
      cors: { allowedOrigins: allowedOrigins, supportCredentials: false }
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: '${storage.properties.primaryEndpoints.blob}${packagesContainer}'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        // Said here, since a Python app is given one request at a time otherwise, and each further one an instance of
        // its own (Microsoft, "Concurrency in Azure Functions", on HTTP triggers).
        triggers: { http: { perInstanceConcurrency: httpConcurrency } }
      }
      runtime: {
        name: 'python'
        version: pythonVersion
      }
    }
  }

  // Whoever is not signed in gets as far as the app, which lets them see the page and health and refuses the rest. It is here
  // in any case, so that an emptied authClientId takes it off again.
  resource authentication 'config' = {
    name: 'authsettingsV2'
    properties: {
      platform: { enabled: signIn }
      globalValidation: {
        requireAuthentication: false
        unauthenticatedClientAction: 'AllowAnonymous'
      }
      httpSettings: { requireHttps: true }
      identityProviders: signIn
        ? {
            azureActiveDirectory: {
              enabled: true
              registration: union(
                {
                  clientId: authClientId
                  openIdIssuer: authIssuer
                },
                federated ? { clientSecretSettingName: signInSecretSetting } : {}
              )
              validation: {
                allowedAudiences: [authClientId, 'api://${authClientId}']
              }
            }
          }
        : { azureActiveDirectory: { enabled: false } }
      login: {
        tokenStore: { enabled: false }
      }
    }
  }

  resource appSettings 'config' = {
    name: 'appsettings'
    properties: union(settings, hostSettings, federated ? { '${signInSecretSetting}': identityClientId } : {}, {
      // Says that the platform is in front, so that the app believes what it says of callers, and asks for no key. The
      // platform's own setting has to agree, or everybody is refused (blueprints/settings.py): never set that one here.
      PLATFORM_AUTHENTICATION: string(signIn)
    })
    // First in front, then believed. Taken off, everybody is refused for a moment, and then a key makes an operator.
    dependsOn: [authentication]
  }

  resource ftp 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: { allow: false }
  }

  resource scm 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: { allow: false }
  }
}

output name string = site.name
output url string = 'https://${site.properties.defaultHostName}'
