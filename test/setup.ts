import fc from 'fast-check';

// Before the tests of every process of a run: what a process tells another of an error has no cause.
fc.configureGlobal({ includeErrorInReport: true });
