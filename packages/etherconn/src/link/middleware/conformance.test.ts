import { linkConformance } from '../../test-support/link-conformance.ts';
import { makePair } from '../../test-support/memory-pair.ts';
import { captureLink } from './capture-link.ts';
import { faultLink } from './fault-link.ts';

linkConformance(
  'captureLink over memory',
  () => makePair({}, {}, (link) => captureLink(link, () => undefined)),
  {
    quietWire: true,
  },
);
linkConformance('faultLink without faults over memory', () => makePair({}, {}, (link) => faultLink(link)), {
  quietWire: true,
});
linkConformance(
  'faultLink whose faults never strike, over captureLink over memory',
  () =>
    makePair({}, {}, (link) =>
      faultLink(
        captureLink(link, () => undefined),
        { in: { loss: 1e-12 }, out: { loss: 1e-12 } },
      ),
    ),
  { quietWire: true },
);
