// SignalR Service in serverless mode, which refuses access keys and lets the app in by its role.

param name string
param location string
param tags object
param sku string
param units int

@description('The identity of the app.')
param principalId string

@description('Origins of the pages that connect; nobody says any, and all may.')
param allowedOrigins array

param appName string
param appHostName string

@allowed(['off', 'on'])
param upstream string

// Sending, groups, presence, and tokens for clients.
var signalRServiceOwner = '7e4f1700-ea5a-4f59-8f37-079cfe29dce3'

// The key never leaves Resource Manager: no output, no parameter and no log has it.
var code = upstream == 'on' ? listKeys(resourceId('Microsoft.Web/sites/host', appName, 'default'), '2024-04-01').systemKeys.signalr_extension : ''

var templates = upstream == 'on' ? [
  {
    hubPattern: '*'
    categoryPattern: '*'
    eventPattern: '*'
    urlTemplate: 'https://${appHostName}/runtime/webhooks/signalr?code=${code}'
    auth: { type: 'None' }
  }
] : []

resource service 'Microsoft.SignalRService/signalR@2024-03-01' = {
  name: name
  location: location
  tags: tags
  kind: 'SignalR'
  sku: {
    name: sku
    tier: split(sku, '_')[0]
    capacity: units
  }
  properties: {
    disableLocalAuth: true
    publicNetworkAccess: 'Enabled'
    tls: { clientCertEnabled: false }
    features: [
      {
        flag: 'ServiceMode'
        value: 'Serverless'
      }
      {
        flag: 'EnableConnectivityLogs'
        value: 'True'
      }
    ]
    cors: {
      allowedOrigins: empty(allowedOrigins) ? ['*'] : allowedOrigins
    }
    upstream: {
      templates: templates
    }
    serverless: {
      connectionTimeoutInSeconds: 30
    }
  }
}

resource mayUse 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(service.id, principalId, signalRServiceOwner)
  scope: service
  properties: {
    principalId: principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', signalRServiceOwner)
  }
}

output name string = service.name
