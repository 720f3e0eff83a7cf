// Starts GraphQL Playground on the page that src/http/ide.rs serves.
//
// It is a file of its own, not a script in the page, so that the page's Content-Security-Policy can
// forbid every inline script.
'use strict';

// What a newcomer sees. Playground keeps tabs of its own; these come only where there are none.
const welcome = [
  {
    name: 'Register',
    query: `# Most of Taskwire asks who you are. Run this, and copy
# the accessToken of the answer into the pane "HTTP HEADERS"
# of the next tabs, at the bottom:
#
#   { "Authorization": "Bearer <accessToken>" }
#
# The tabs at the right edge hold docs and schema.

mutation Register {
  register(
    input: { email: "me@example.com", password: "change-Me-1" }
  ) {
    accessToken
    userErrors {
      code
      field
      message
    }
  }
}
`,
  },
  {
    name: 'Tasks',
    query: `query Tasks {
  tasks(first: 10) {
    nodes {
      id
      title
      status
      assignee {
        username
      }
    }
  }
}
`,
  },
];

// The endpoint is the page's own server.
const endpoint = new URL(`${document.documentElement.dataset.root}/graphql`, window.location.href).href;
const subscriptionEndpoint = endpoint.replace('http', 'ws');
const isNew = localStorage.getItem('graphql-playground') === null;

GraphQLPlayground.init(document.getElementById('playground'), {
  endpoint,
  subscriptionEndpoint,
  tabs: isNew ? welcome.map((tab) => ({ ...tab, endpoint })) : undefined,
  settings: {
    // Asking for the whole schema every two seconds tells nobody anything new.
    'schema.polling.enable': false,
    // Its answer would be part of an extension that this server does not speak.
    'tracing.tracingSupported': false,
  },
});
