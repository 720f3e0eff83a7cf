// Starts ReDoc on the page that src/http/docs.rs serves.
//
// It is a file of its own, not a script in the page, so that the page's Content-Security-Policy can
// forbid every inline script.
'use strict';

// Its fonts would come from elsewhere; the system's are here already.
const fontFamily = 'system-ui, sans-serif';

Redoc.init(
  `${document.documentElement.dataset.root}/openapi.json`,
  {
    theme: {
      typography: { fontFamily, headings: { fontFamily } },
    },
  },
  document.getElementById('redoc'),
);
