import { gql } from '@apollo/client';

const CARD = gql`
  fragment Card on Task {
    id
    title
    status
    priority
    tags
    version
    deletedAt
    allowedTransitions
    assignee {
      id
      displayName
    }
  }
`;

/** The board, and the cursor after which its events begin. */
export const BOARD = gql`
  query Board {
    eventCursor
    viewer {
      id
      displayName
    }
    tasks(first: 100) {
      nodes {
        ...Card
      }
    }
  }
  ${CARD}
`;

/** `task` is the task as it is now; null if the viewer can no longer see it. */
export const EVENTS = gql`
  subscription Events($after: String) {
    taskEvents(after: $after) {
      cursor
      taskId
      task {
        ...Card
      }
    }
  }
  ${CARD}
`;

/** `cursor` is that of the event which announces the task to all boards; null if there is no task. */
export const CREATE = gql`
  mutation Create($title: String!) {
    taskCreate(input: { title: $title }) {
      cursor
      userErrors {
        message
      }
    }
  }
`;

/** `task` is the task as it is now, also if somebody else was faster. */
export const MOVE = gql`
  mutation Move($id: ID!, $status: TaskStatus!, $expectedVersion: Int!) {
    taskTransition(id: $id, status: $status, expectedVersion: $expectedVersion) {
      cursor
      task {
        ...Card
      }
      userErrors {
        message
      }
    }
  }
  ${CARD}
`;

export const LOGOUT = gql`
  mutation Logout {
    logout {
      success
    }
  }
`;
