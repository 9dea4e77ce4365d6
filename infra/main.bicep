// Everything the function app needs in one resource group, without a key anywhere: the app reaches storage and SignalR Service with an
// identity of its own, and both refuse keys.
//
// The upstream of SignalR Service needs the system key of the app, which the app makes when it runs for the first time. So this is
// deployed twice: before the package with `upstream=off`, and after it with `upstream=on`. infra/deploy.sh does both.
//
// What is not given is set to its default, also when it was something else before. infra/main.parameters.json gives all of it.

targetScope = 'resourceGroup'

@description('Begins the names of all resources: 3 to 12 lower-case letters or digits.')
@minLength(3)
@maxLength(12)
param name string

@description('The region; it has to offer Flex Consumption.')
param location string = resourceGroup().location

@description('Origins from which pages may call the app, such as https://www.example.com. Credentials are allowed, so `*` is not.')
param allowedOrigins array = []

@description('Who may send: `send` lets those who have signed in, `always` also keeps others from connecting, `never` lets everybody.')
@allowed(['send', 'always', 'never'])
param requireSignIn string = 'send'

@description('The role that may change the groups of others.')
param managerRole string = 'manager'

@description('OpenID Connect issuer whose bearer tokens are believed; empty for none.')
param oidcIssuer string = ''

@description('Audience that those tokens must have.')
param oidcAudience string = ''

@description('The claim that is the user id.')
param oidcUserClaim string = 'sub'

@description('The claim that holds the roles.')
param oidcRolesClaim string = 'roles'

@description('`on` once App Service authentication is on, which is switched on elsewhere: its headers are believed then.')
@allowed(['off', 'on'])
param appServiceAuthentication string = 'off'

@description('Further claims of a caller that its connection carries, separated by commas.')
param signalRClaims string = ''

@description('Which log lines the handler writes, as levels of modules, such as `warn,hyper=debug`.')
param logFilter string = 'info'

@description('Where a handler that was built with `otel` sends spans; empty for nowhere.')
param otelEndpoint string = ''

@description('The name of the app in its spans; empty for the name of the function app.')
param otelServiceName string = ''

@description('App settings of functions of your own.')
param moreSettings object = {}

@description('Size of SignalR Service. The free one has 20 connections and no guarantee.')
@allowed(['Free_F1', 'Standard_S1', 'Premium_P1'])
param signalRSku string = 'Free_F1'

@description('Units of SignalR Service, 1,000 connections each; the free size has one.')
@minValue(1)
@maxValue(100)
param signalRUnits int = 1

@description('Memory of one instance of the app in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 512

@description('How many instances there may be.')
@minValue(1)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('`on` once the app has run, so that its system key exists; then SignalR Service reports connections and messages to it.')
@allowed(['off', 'on'])
param upstream string = 'off'

@description('Tags of all resources.')
param tags object = {}

var suffix = take(uniqueString(resourceGroup().id, name), 8)
var appName = '${name}-${suffix}'
var signalRName = '${name}-signalr-${suffix}'
var storageName = '${name}${suffix}'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: '${name}-identity-${suffix}'
  location: location
  tags: tags
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: '${name}-${suffix}'
    location: location
    tags: tags
    principalId: identity.properties.principalId
  }
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: storageName
    location: location
    tags: tags
    principalId: identity.properties.principalId
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    name: appName
    location: location
    tags: tags
    identityId: identity.id
    identityClientId: identity.properties.clientId
    storageName: storage.outputs.name
    packageContainer: storage.outputs.packageContainer
    signalREndpoint: 'https://${signalRName}.service.signalr.net'
    insightsConnectionString: monitoring.outputs.connectionString
    allowedOrigins: allowedOrigins
    requireSignIn: requireSignIn
    oidcIssuer: oidcIssuer
    oidcAudience: oidcAudience
    managerRole: managerRole
    oidcUserClaim: oidcUserClaim
    oidcRolesClaim: oidcRolesClaim
    appServiceAuthentication: appServiceAuthentication
    signalRClaims: signalRClaims
    logFilter: logFilter
    otelEndpoint: otelEndpoint
    otelServiceName: otelServiceName
    moreSettings: moreSettings
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
  }
}

module signalR 'modules/signalr.bicep' = {
  name: 'signalr'
  params: {
    name: signalRName
    location: location
    tags: tags
    sku: signalRSku
    units: signalRUnits
    principalId: identity.properties.principalId
    allowedOrigins: allowedOrigins
    appName: app.outputs.name
    appHostName: app.outputs.hostName
    upstream: upstream
  }
}

@description('The function app, for publishing the package.')
output appName string = app.outputs.name

@description('Where clients call negotiate.')
output appUrl string = 'https://${app.outputs.hostName}'

@description('SignalR Service.')
output signalRName string = signalR.outputs.name
