// Starts Swagger UI on the page that src/http/docs.rs serves.
//
// It is a file of its own, not a script in the page, so that the page's Content-Security-Policy can
// forbid every inline script.
'use strict';

SwaggerUIBundle({
  url: `${document.documentElement.dataset.root}/openapi.json`,
  dom_id: '#swagger-ui',
  deepLinking: true,
  // A reload keeps the token: without this one would sign in again after each.
  persistAuthorization: true,
  // Asks a server of somebody else about the document; the page's policy would stop it anyway.
  validatorUrl: null,
});
