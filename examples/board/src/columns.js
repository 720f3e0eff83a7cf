/** The columns of the board, by status. */
export const COLUMNS = { TODO: 'To do', IN_PROGRESS: 'In progress', DONE: 'Done', CANCELLED: 'Cancelled' };
