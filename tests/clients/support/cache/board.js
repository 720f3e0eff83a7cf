// The operations of a board. Relay's compiler finds them by their tag, and demands names that begin with this file's.

const graphql = String.raw;

/** The list that the board shows, and the cursor from which its subscription begins. */
export const boardTasksQuery = graphql`
  query boardTasksQuery {
    eventCursor
    tasks(first: 100, orderBy: [{ field: ID }]) {
      nodes {
        id
        title
        status
        version
        assignee {
          id
          displayName
        }
      }
    }
  }
`;

/** A dialog with the history of one task. */
export const boardHistoryQuery = graphql`
  query boardHistoryQuery($id: ID!) {
    task(id: $id) {
      id
      version
      history(last: 50) {
        nodes {
          cursor
          type
          snapshot {
            taskId
            version
            title
          }
          task {
            id
            title
            status
            version
          }
        }
      }
    }
  }
`;

/** What a board selects of events. */
export const boardEventsSubscription = graphql`
  subscription boardEventsSubscription($filter: TaskEventFilter, $after: String) {
    taskEvents(filter: $filter, after: $after) {
      cursor
      type
      taskId
      previousStatus
      status
      task {
        id
        title
        status
        version
      }
      snapshot {
        taskId
        version
        title
      }
    }
  }
`;

/** A list of news, which reads people and changes too. */
export const boardNewsSubscription = graphql`
  subscription boardNewsSubscription($filter: TaskEventFilter, $after: String) {
    taskEvents(filter: $filter, after: $after) {
      cursor
      type
      actor {
        id
        displayName
      }
      task {
        id
        version
        owner {
          id
          displayName
        }
        assignee {
          id
          displayName
        }
        viewerCanAssign
      }
      changes {
        field
        before
        after
      }
    }
  }
`;
