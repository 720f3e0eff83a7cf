// Polyfills for Node.js 20 that PostGraphile needs. Must be imported first.

Promise.withResolvers ??= function withResolvers() {
  const settled = {};
  settled.promise = new this((resolve, reject) => Object.assign(settled, { resolve, reject }));
  return settled;
};
