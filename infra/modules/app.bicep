// The function app on Flex Consumption, with a custom handler as its runtime.
//
// Flex takes the runtime from `functionAppConfig`; the setting FUNCTIONS_WORKER_RUNTIME must not be there (functions-host 9.2).

param name string
param location string
param tags object
param identityId string
param identityClientId string
param storageName string
param packageContainer string
param signalREndpoint string
param insightsConnectionString string
param allowedOrigins array
param requireSignIn string
param oidcIssuer string
param oidcAudience string
param managerRole string
param oidcUserClaim string
param oidcRolesClaim string
param appServiceAuthentication string
param signalRClaims string
param logFilter string
param otelEndpoint string
param otelServiceName string
param moreSettings object
param instanceMemoryMB int
param maximumInstanceCount int

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: '${name}-plan'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: tags
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: { '${identityId}': {} }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    functionAppConfig: {
      runtime: {
        name: 'custom'
        version: '1.0'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
      }
      deployment: {
        storage: {
          type: 'blobContainer'
          value: packageContainer
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
    }
    siteConfig: {
      minTlsVersion: '1.2'
      cors: {
        allowedOrigins: allowedOrigins
        // `@microsoft/signalr` negotiates with credentials, and a browser then wants this together with a named origin.
        supportCredentials: !empty(allowedOrigins)
      }
    }
  }

  // As a resource of its own, so that a setting that was taken out here is gone there.
  resource settings 'config' = {
    name: 'appsettings'
    properties: union(moreSettings, appServiceAuthentication == 'on' ? { WEBSITE_AUTH_ENABLED: 'True' } : {}, {
      FUNCTIONS_EXTENSION_VERSION: '~4'
      AzureWebJobsStorage__accountName: storageName
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      AzureSignalRConnectionString__serviceUri: signalREndpoint
      AzureSignalRConnectionString__credential: 'managedidentity'
      AzureSignalRConnectionString__clientId: identityClientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      RUST_LOG: logFilter
      RequireSignIn: requireSignIn
      OidcIssuer: oidcIssuer
      OidcAudience: oidcAudience
      ManagerRole: managerRole
      OidcUserClaim: oidcUserClaim
      OidcRolesClaim: oidcRolesClaim
      SignalRClaims: signalRClaims
      OTEL_EXPORTER_OTLP_ENDPOINT: otelEndpoint
      OTEL_SERVICE_NAME: otelServiceName
    })
  }
}

// Publishing goes by identity alone.
resource noBasicFtp 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'ftp'
  properties: { allow: false }
}

resource noBasicScm 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2024-04-01' = {
  parent: app
  name: 'scm'
  properties: { allow: false }
}

output name string = app.name
output hostName string = app.properties.defaultHostName
