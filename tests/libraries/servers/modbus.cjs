/** Registers hold their number until they are written. */
const { ServerTCP } = require('modbus-serial');
const written = new Map();
new ServerTCP(
  {
    getHoldingRegister: (address) => written.get(address) ?? address,
    setRegister: (address, value) => void written.set(address, value),
    getCoil: (address) => address % 2 === 1,
  },
  { host: '0.0.0.0', port: 502, unitID: 1 },
);
