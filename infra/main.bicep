// Everything that the system needs in one subscription: `azd up`, or
//   az deployment sub create --location LOCATION --template-file infra/main.bicep --parameters environmentName=NAME
// Identity everywhere: no key or connection string is made, stored or accepted.
targetScope = 'subscription'

@description('Names the environment, and so its resource group: letters, digits and dashes.')
@minLength(1)
@maxLength(32)
param environmentName string

@description('The region of all resources. It must offer Flex Consumption.')
param location string = deployment().location

@description('serverless: pay for each request, for small and middling fleets. autoscale: pay by the hour for throughput. For a new system either; an account that is there is changed in the portal first, from serverless, once (docs/runbook.md), or the deployment is refused.')
@allowed(['serverless', 'autoscale'])
param cosmosMode string = 'serverless'

@description('With autoscale: the greatest throughput of the samples, in request units a second; rollups get a quarter of it, each other container 1,000. A tenth is the least. The service takes whole thousands, so it is rounded up.')
@minValue(1000)
@maxValue(100000)
param cosmosMaxThroughput int = 4000

@description('The queue that SPOCs send to. Another name makes a second queue: what lies in the first one stays there, and nobody ingests it.')
@minLength(1)
@maxLength(50)
param queueName string = 'samples'

@description('When marked windows are averaged: NCRONTAB, seconds first.')
param averagingSchedule string = '0 * * * * *'

@description('For how many seconds one run of averaging begins new windows, newest first; the next run goes on.')
@minValue(1)
@maxValue(500)
param averagingBudgetSeconds int = 240

@description('Whose samples are taken. required: only those of tenants that the operator enrolled, signed with their keys. open: also those of tenants that are not enrolled, from anybody who may send to the queue; so a system whose SPOCs do not sign yet changes over (docs/azure.md).')
@allowed(['open', 'required'])
param enrolment string = 'required'

@description('Where customers get the package with agent and SPOC: operators and those who join see it; empty: nothing is said.')
param packagesUrl string = ''

@description('By counter, how several readings of a minute become one, for example {"win_cpu.x": "max"}: avg, sum, min or max.')
param reductions { *: string } = {}

@description('Patterns, separated by commas: which counters are taken, for example win_cpu.*,win_mem.*; others are counted and not stored; empty: all are taken.')
param counters string = ''

@description('The provider\'s own portal: origins, separated by commas, whose pages may read without cookies and frame a view (?embed); empty: none.')
param allowedOrigins string = ''

@description('Where every final minute of the fleet is sent by Prometheus remote write; empty: nowhere.')
param remoteWriteUrl string = ''

@description('The address of the Key Vault secret that holds the bearer token for it; empty: none is sent. The app\'s identity must be let read it (Key Vault Secrets User), by hand.')
param remoteWriteTokenSecretUri string = ''

@description('Any other setting of the app, by name. What no parameter names is not kept: each deployment sets all settings anew.')
param otherSettings { *: string } = {}

@description('How long samples and rollups are kept, in days; older samples are refused. A shorter time removes what is older at once and for good.')
@minValue(1)
@maxValue(3650)
param samplesRetentionDays int = 30

@description('How long each VM\'s figures of each quarter of an hour, and summaries of them, are kept, in days; at least a day longer than samples. A shorter time removes what is older at once and for good.')
@minValue(1)
@maxValue(3650)
param standingsRetentionDays int = 70

@description('When the VMs of the fleet are ranked and grouped: twice a window (when 90 % of the expected VMs have come, and when it closes), or at once (in every run of averaging, which costs more than all the rest).')
@allowed(['twice', 'at once'])
param summaries string = 'twice'

@description('How long report rows are kept, in days. A shorter time removes what is older at once and for good.')
@minValue(1)
@maxValue(3650)
param reportRetentionDays int = 400

@description('How many minutes after its end a window of 15 minutes closes and is final.')
@minValue(0)
@maxValue(1440)
param allowedLatenessMinutes int = 20

@description('For how many seconds an ingest that fails goes on trying before it gives its messages back to the queue.')
@minValue(0)
@maxValue(200)
param ingestPatienceSeconds int = 200

@description('Version of Python that the function app runs on. Remote builds were seen to use 3.11 whatever was asked (azure-dev 8538): docs/azure.md says what to look at with another one.')
@allowed(['3.11', '3.12', '3.13'])
param pythonVersion string = '3.11'

@description('Memory of one instance of the function app, in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('How many HTTP requests one instance is given at a time. By how many largest answers its memory holds: docs/azure.md.')
@minValue(1)
@maxValue(1000)
param httpConcurrency int = instanceMemoryMB / 256

@description('The most instances of each group of functions: HTTP, Durable, ingest, averaging. So it is no bound of cost (rest-api-specs 45083); monthlyBudget tells of that. Less than 40 is refused in many regions (azure-functions-host 10523).')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('What a month may cost, in the currency of the subscription, before alertEmails and its owners are told; 0: no budget. It stops nothing.')
@minValue(0)
@maxValue(1000000)
param monthlyBudget int = 0

@description('With monthlyBudget: the first day of the month in which it is given for the first time, like 2026-12-01. Afterwards always the same: the service refuses another, and the deployment with it (azure-quickstart-templates 7095).')
param budgetStart string = ''

@description('How long logs are kept, in days. The first 31 are in the price of their ingestion.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 30

@description('The most logs taken in a day, in GB; what comes after is dropped until the next day.')
@minValue(1)
@maxValue(100)
param logDailyCapGB int = 1

@description('Object ids of the identities of SPOCs: they may send to the queue and do nothing else. Whoever is left out later may send still, until the role assignment on the queue is removed by hand.')
param spocPrincipalIds string[] = []

@description('Object id of a developer who may read and write data (azd: whoever deploys); empty: nobody. Whoever had it before keeps it, until the role assignments on the queue and the account are removed by hand.')
param developerPrincipalId string = ''

@description('Where alerts are sent; empty: alerts only show in the portal.')
param alertEmails string[] = []

@description('Client id of an app registration in Entra ID, to let people and machines sign in; empty: function keys alone, and then whoever holds a key is an operator. With it, no key is asked for.')
param authClientId string = ''

@description('Who issues the tokens of those who sign in: the directory of the subscription, if nothing else is said.')
param authIssuer string = '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'

@description('With authClientId: whether the registration has a federated credential for the app\'s identity, so that the platform signs people in by authorization code. A preview on Functions, reported broken on Flex Consumption; without it, by ID token.')
param authFederated bool = false

@description('The type of the claim that names a caller\'s tenant.')
@minLength(1)
param tenantClaim string = 'http://schemas.microsoft.com/identity/claims/tenantid'

@description('By value of that claim, in any case, the tenant\'s masked name. What tenants\' enrolments say of directories wins, and needs no deployment.')
param tenantIds { *: string } = {}

@description('How many other tenants a fleet average shown to a tenant must be made of.')
@minValue(1)
param minTenants int = 5

var tags = { 'azd-env-name': environmentName }
// Names are unique in all of Azure: an abbreviation of the kind, and this. However somebody spells the environment and the
// region (West Europe, westeurope), it is the same system, and not a second, empty one.
var suffix = uniqueString(
  subscription().id,
  toLower(replace(environmentName, ' ', '')),
  toLower(replace(location, ' ', ''))
)

resource group 'Microsoft.Resources/resourceGroups@2024-11-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    name: 'id-${suffix}'
    location: location
    tags: tags
  }
}

module monitoring 'modules/monitoring.bicep' = {
  scope: group
  params: {
    logsName: 'log-${suffix}'
    insightsName: 'appi-${suffix}'
    location: location
    tags: tags
    retentionDays: logRetentionDays
    dailyCapGB: logDailyCapGB
    appPrincipalId: identity.outputs.principalId
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    name: 'st${suffix}'
    location: location
    tags: tags
    appPrincipalId: identity.outputs.principalId
  }
}

module servicebus 'modules/servicebus.bicep' = {
  scope: group
  params: {
    name: 'sbns-${suffix}'
    location: location
    tags: tags
    queueName: queueName
    appPrincipalId: identity.outputs.principalId
    spocPrincipalIds: spocPrincipalIds
    developerPrincipalId: developerPrincipalId
  }
}

module cosmos 'modules/cosmos.bicep' = {
  scope: group
  params: {
    name: 'cosmos-${suffix}'
    location: location
    tags: tags
    mode: cosmosMode
    maxThroughput: (cosmosMaxThroughput + 999) / 1000 * 1000
    samplesRetentionDays: samplesRetentionDays
    standingsRetentionDays: max(standingsRetentionDays, samplesRetentionDays + 1)
    reportRetentionDays: reportRetentionDays
    appPrincipalId: identity.outputs.principalId
    developerPrincipalId: developerPrincipalId
  }
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    planName: 'asp-${suffix}'
    name: 'func-${suffix}'
    location: location
    tags: tags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storage.outputs.name
    packagesContainer: storage.outputs.packagesContainer
    insightsName: monitoring.outputs.insightsName
    pythonVersion: pythonVersion
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    httpConcurrency: httpConcurrency
    authClientId: authClientId
    authIssuer: authIssuer
    authFederated: authFederated
    allowedOrigins: empty(allowedOrigins) ? [] : map(split(allowedOrigins, ','), each => trim(each))
    settings: union(otherSettings, {
      ServiceBusConnection__fullyQualifiedNamespace: servicebus.outputs.fullyQualifiedNamespace
      ServiceBusConnection__credential: 'managedidentity'
      ServiceBusConnection__clientId: identity.outputs.clientId
      QUEUE_NAME: queueName
      AVERAGING_SCHEDULE: averagingSchedule
      AVERAGING_BUDGET_SECONDS: string(averagingBudgetSeconds)
      REMOTE_WRITE_URL: remoteWriteUrl
      REMOTE_WRITE_TOKEN: empty(remoteWriteTokenSecretUri) ? '' : '@Microsoft.KeyVault(SecretUri=${remoteWriteTokenSecretUri})'
      ENROLMENT: enrolment
      PACKAGES_URL: packagesUrl
      REDUCTIONS: string(reductions)
      COUNTERS: counters
      ALLOWED_ORIGINS: allowedOrigins
      COSMOS_ENDPOINT: cosmos.outputs.endpoint
      COSMOS_DATABASE: cosmos.outputs.database
      SAMPLES_RETENTION_DAYS: string(samplesRetentionDays)
      STANDINGS_RETENTION_DAYS: string(standingsRetentionDays)
      SUMMARIES: summaries
      REPORT_RETENTION_DAYS: string(reportRetentionDays)
      ALLOWED_LATENESS_MINUTES: string(allowedLatenessMinutes)
      INGEST_PATIENCE_SECONDS: string(ingestPatienceSeconds)
      // Roles count only where this subscription's own administrators assign them.
      ROLE_DIRECTORY: tenant().tenantId
      TENANT_CLAIM: tenantClaim
      TENANT_IDS: empty(tenantIds) ? '' : string(tenantIds)
      MIN_TENANTS: string(minTenants)
    })
  }
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    prefix: environmentName
    location: location
    tags: tags
    emails: alertEmails
    serviceBusName: servicebus.outputs.name
    queueName: queueName
    cosmosName: cosmos.outputs.name
    insightsName: monitoring.outputs.insightsName
    logsName: monitoring.outputs.logsName
  }
}

module budget 'modules/budget.bicep' = if (monthlyBudget > 0) {
  scope: group
  params: {
    amount: monthlyBudget
    start: budgetStart
    emails: alertEmails
  }
}

@description('The page and the API.')
output appUrl string = app.outputs.url

@description('To deploy code to: func azure functionapp publish NAME --python.')
output appName string = app.outputs.name

@description('For the SPOCs: edge.spoc --namespace.')
output serviceBusNamespace string = servicebus.outputs.fullyQualifiedNamespace

@description('For the SPOCs: edge.spoc --queue.')
output queueName string = queueName

@description('For tools that read the tables.')
output cosmosEndpoint string = cosmos.outputs.endpoint

@description('Holds everything; delete it to remove everything.')
output resourceGroupName string = group.name
