// Starts GraphiQL on the page that src/http/ide.rs serves.
//
// It is a file of its own, not a script in the page, so that the page's Content-Security-Policy can
// forbid every inline script.
'use strict';

// What a newcomer sees in an empty editor.
const welcome = `# Welcome to Taskwire. Most of it asks who you are:
#
# 1. Run Register, or Login if you have an account.
#    The play button lists the operations below.
# 2. Copy the accessToken of the answer into the
#    "Headers" tab, down here on the left:
#
#    { "Authorization": "Bearer <accessToken>" }
#
# 3. Run the others.
#
# Ctrl-Space completes; the book holds the docs.

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

mutation Login {
  login(
    input: { email: "me@example.com", password: "change-Me-1" }
  ) {
    accessToken
    expiresAt
    userErrors {
      code
      message
    }
  }
}

query Me {
  viewer {
    id
    email
    role
  }
}

query Tasks {
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

subscription Live {
  taskEvents {
    type
    task {
      title
      status
    }
  }
}
`;

// The endpoint is the page's own server, for subscriptions too. What is in the "Headers" tab goes with the first
// message of their connection.
const endpoint = new URL(`${document.documentElement.dataset.root}/graphql`, window.location.href).href;
const fetcher = GraphiQL.createFetcher({ url: endpoint, subscriptionUrl: endpoint.replace('http', 'ws') });

ReactDOM.createRoot(document.getElementById('graphiql')).render(
  React.createElement(GraphiQL, {
    fetcher,
    defaultQuery: welcome,
    defaultEditorToolsVisibility: 'headers',
    isHeadersEditorEnabled: true,
    // A reload keeps the token: without this one would log in again after each.
    shouldPersistHeaders: true,
  }),
);
