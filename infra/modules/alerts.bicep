// What somebody should be told of: lost messages in sight, a report that stands still, failures, a store too small.
//
// Alerts stand on figures of the services, and on lines of ours, which are never sampled (host.json keeps these and drops the
// host's own three an invocation; requests are sampled, since most of all bytes are theirs).
//
// Queries are not validated when they are deployed: a workspace that nobody has written to yet has no tables, and that
// would fail the first deployment (mspnp/aks-baseline 422).
param prefix string
param location string
param tags { *: string }
param emails string[]
param serviceBusName string
param queueName string
param cosmosName string
param insightsName string
param logsName string

resource serviceBus 'Microsoft.ServiceBus/namespaces@2024-01-01' existing = {
  name: serviceBusName
}

resource cosmos 'Microsoft.DocumentDB/databaseAccounts@2025-04-15' existing = {
  name: cosmosName
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource logs 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: logsName
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = if (!empty(emails)) {
  name: 'ag-${prefix}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'spotpc'
    emailReceivers: [
      for (email, index) in emails: {
        name: 'email${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

var actions = empty(emails) ? [] : [{ actionGroupId: people.id }]

resource deadLetters 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${prefix}-dead-letters'
  location: 'global'
  tags: tags
  properties: {
    description: 'Messages lie in the dead-letter queue: they failed 60 times or waited 14 days. Nothing of them is in the report.'
    enabled: true
    severity: 1
    scopes: [serviceBus.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT5M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'dead-letters'
          metricName: 'DeadletteredMessages'
          dimensions: [{ name: 'EntityName', operator: 'Include', values: [queueName] }]
          operator: 'GreaterThan'
          threshold: 0
          timeAggregation: 'Maximum'
        }
      ]
    }
    actions: actions
  }
}

resource throttling 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${prefix}-throttling'
  location: 'global'
  tags: tags
  properties: {
    description: 'Cosmos DB refuses requests for want of throughput (429). The app waits and tries again, and falls behind.'
    enabled: true
    severity: 2
    scopes: [cosmos.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'throttled-requests'
          metricName: 'TotalRequests'
          dimensions: [{ name: 'StatusCode', operator: 'Include', values: ['429'] }]
          operator: 'GreaterThan'
          threshold: 100
          timeAggregation: 'Count'
        }
      ]
    }
    actions: actions
  }
}

resource failures 'Microsoft.Insights/metricAlerts@2018-03-01' = {
  name: 'alert-${prefix}-failures'
  location: 'global'
  tags: tags
  properties: {
    description: 'Function invocations fail.'
    enabled: true
    severity: 2
    scopes: [insights.id]
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    criteria: {
      'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria'
      allOf: [
        {
          criterionType: 'StaticThresholdCriterion'
          name: 'failed-requests'
          metricName: 'requests/failed'
          operator: 'GreaterThan'
          threshold: 5
          timeAggregation: 'Count'
        }
      ]
    }
    actions: actions
  }
}

// Each run of averaging logs the report's age, once there is a report, and what drove the run: timer, or ingest where the
// timer stands still; so the alert names the one that was last at work. When averaging is not running, there is no line, and
// that counts too. Not where there never was one in two days (a new system has no report to be old), nor where the daily cap
// came after the last one: then it is the cap that somebody is told of, below. 45 minutes: where more than half of the VMs
// are shut down at once, the newest minute stays until its window closes, 15 minutes and the allowed lateness later.
resource oldReport 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'alert-${prefix}-old-report'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Report older than 45 minutes'
    description: 'The newest minute of the report is older than 45 minutes, or averaging does not run. drivenBy: what drove its last run.'
    enabled: true
    severity: 1
    scopes: [logs.id]
    skipQueryValidation: true
    evaluationFrequency: 'PT5M'
    windowSize: 'PT15M'
    overrideQueryTimeRange: 'P2D'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: '''
            let capped = toscalar(
              _LogOperation
              | where Category =~ "Ingestion" and Detail contains "OverQuota"
              | summarize max(TimeGenerated));
            AppTraces
            | where Message startswith "report ageSeconds="
            | extend age = toint(extract(@"ageSeconds=(\d+)", 1, Message)), by = extract(@" by=(\w+)", 1, Message)
            | summarize (newest, drivenBy) = arg_max(TimeGenerated, by), fresh = countif(TimeGenerated > ago(15m) and age <= 2700)
            | where isnotnull(newest) and newest > coalesce(capped, datetime(2000-01-01))
            | project late = iff(fresh == 0, 1, 0), drivenBy
          '''
          metricMeasureColumn: 'late'
          timeAggregation: 'Total'
          dimensions: [{ name: 'drivenBy', operator: 'Include', values: ['*'] }]
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { minFailingPeriodsToAlert: 1, numberOfEvaluationPeriods: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(emails) ? [] : [people.id] }
  }
}

// What comes after the cap is dropped, and the three alerts that read lines are deaf until the next day. This event is written
// nevertheless (Microsoft, "Set daily cap on Log Analytics workspace").
resource cap 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'alert-${prefix}-daily-cap'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'The day\'s logs are full'
    description: 'More logs came than logDailyCapGB allows. Until the cap is reset no alert tells of refused input, failed operations or an old report.'
    enabled: true
    severity: 2
    scopes: [logs.id]
    skipQueryValidation: true
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: '_LogOperation | where Category =~ "Ingestion" and Detail contains "OverQuota"'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { minFailingPeriodsToAlert: 1, numberOfEvaluationPeriods: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(emails) ? [] : [people.id] }
  }
}

// Of each batch the app logs what it refused; the quarantine holds it (docs/runbook.md).
resource refusals 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'alert-${prefix}-refusals'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'Input is refused'
    description: 'Samples or whole messages went into quarantine, by their reasons. Nothing of them is in the report.'
    enabled: true
    severity: 3
    scopes: [insights.id]
    skipQueryValidation: true
    evaluationFrequency: 'PT15M'
    windowSize: 'PT1H'
    autoMitigate: true
    criteria: {
      allOf: [
        {
          query: 'traces | where message startswith "ingested " | extend refused = toint(extract(@" refused=(\\d+)", 1, message)), reason = extract(@" reasons=(.*) charge=", 1, message) | where refused > 0'
          metricMeasureColumn: 'refused'
          timeAggregation: 'Total'
          dimensions: [{ name: 'reason', operator: 'Include', values: ['*'] }]
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { minFailingPeriodsToAlert: 1, numberOfEvaluationPeriods: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(emails) ? [] : [people.id] }
  }
}

resource failedOperation 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = {
  name: 'alert-${prefix}-failed-operation'
  location: location
  tags: tags
  kind: 'LogAlert'
  properties: {
    displayName: 'An operation has failed'
    description: 'A rebuild, purge, re-ingest, drop, resubmission or catch-up has given up. Asking for it again goes on.'
    enabled: true
    severity: 2
    scopes: [insights.id]
    skipQueryValidation: true
    evaluationFrequency: 'PT15M'
    windowSize: 'PT15M'
    criteria: {
      allOf: [
        {
          query: 'traces | where message startswith "operation ended " and message !endswith " error=None"'
          timeAggregation: 'Count'
          operator: 'GreaterThan'
          threshold: 0
          failingPeriods: { minFailingPeriodsToAlert: 1, numberOfEvaluationPeriods: 1 }
        }
      ]
    }
    actions: { actionGroups: empty(emails) ? [] : [people.id] }
  }
}
