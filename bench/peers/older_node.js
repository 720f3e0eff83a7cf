// What PostGraphile takes for granted and Node.js 20 lacks. Imported before everything else.

Promise.withResolvers ??= function withResolvers() {
  const settled = {};
  settled.promise = new this((resolve, reject) => Object.assign(settled, { resolve, reject }));
  return settled;
};
