/** What the service is made for: the program that it starts, as words of `ExecStart`, and the user that it runs as. */
export interface ServiceOptions {
  /** Absolute path of the program, with its interpreter before it where it needs one. */
  program: readonly string[];
  user: string;
}

/**
 * The instance template `tapmirror@.service` (systemd.unit(5), systemd.exec(5)): `tapmirror@NAME` runs the unit of
 * `/etc/tapmirror/NAME.yaml`.
 */
export function unitFile({ program, user }: ServiceOptions): string {
  return `# One unit of tapmirror: tapmirror@NAME runs the configuration /etc/tapmirror/NAME.yaml.
# Replaced at upgrades; \`systemctl edit tapmirror@NAME\` keeps changes of your own.
[Unit]
Description=tapmirror unit %i
Wants=network-online.target
After=network-online.target
AssertPathExists=/etc/tapmirror/%i.yaml
# It is tried for ever, ever more seldom (below).
StartLimitIntervalSec=0

[Service]
Type=notify
# The unit tells systemd how it does by the program systemd-notify.
NotifyAccess=all
ExecStart=${program.map(quoted).join(' ')} run --config /etc/tapmirror/%i.yaml
# A unit whose event loop is stuck, or whose tick no longer runs, is killed and started again.
WatchdogSec=60
Restart=on-failure
# A mistake in the configuration stays one until somebody mends it.
RestartPreventExitStatus=2
RestartSec=2
# From systemd 254 on each try waits longer; older ones say that they do not know these two, and wait RestartSec.
RestartSteps=8
RestartMaxDelaySec=120
TimeoutStartSec=90
# The unit writes what is buffered for up to 30 s, and lets go of everything.
TimeoutStopSec=90
KillMode=mixed
SyslogIdentifier=tapmirror

User=${user}
# To read frames off an interface. A unit that taps nothing needs no capability at all: empty both lines for it.
AmbientCapabilities=CAP_NET_RAW
CapabilityBoundingSet=CAP_NET_RAW
NoNewPrivileges=yes
StateDirectory=tapmirror
StateDirectoryMode=0750
UMask=0077
LimitNOFILE=65536
# A tee has every byte of the hosts in its hands: others go first when memory is short.
OOMScoreAdjust=-500

ProtectSystem=strict
# Where mirrors may lie in files, besides /var/lib/tapmirror; the files' own permissions hold as well.
ReadWritePaths=-/srv -/mnt -/media -/run/tapmirror
ProtectHome=yes
PrivateTmp=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectProc=invisible
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
RemoveIPC=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_PACKET
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
# The control socket is given to its group (controlGroup), one that the unit's user is in: nothing else can be given away.
SystemCallFilter=@chown
SystemCallErrorNumber=EPERM
# Not set, and why: MemoryDenyWriteExecute (V8 compiles while it runs), PrivateDevices and ProtectClock (they shut out
# block devices and serial ports, which may be mirrors and probes).
MemoryDenyWriteExecute=no

[Install]
WantedBy=multi-user.target
`;
}

/** `tapmirror-nic@.service`: the interface is prepared before the unit that taps it starts, and put back afterwards. */
export function nicUnitFile({ program }: ServiceOptions): string {
  const nic = `${program.map(quoted).join(' ')} nic`;
  return `# Prepares the interface that a tap is plugged into: tapmirror-nic@eth1 does \`tapmirror nic prepare eth1\`.
[Unit]
Description=tap interface %I for tapmirror
BindsTo=sys-subsystem-net-devices-%i.device
After=sys-subsystem-net-devices-%i.device network-pre.target
Before=network.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=${nic} prepare %I
ExecStop=${nic} restore %I
CapabilityBoundingSet=CAP_NET_ADMIN
NoNewPrivileges=yes
RuntimeDirectory=tapmirror-nic
RuntimeDirectoryPreserve=yes
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
RestrictNamespaces=yes
RestrictRealtime=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`;
}

/** A word of a command line (systemd.service(5)): blanks in quotes, specifiers and variables taken as they stand. */
function quoted(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$');
  return /^[\w@%+=:,./$-]+$/.test(plain) ? plain : `"${plain.replace(/["\\]/g, '\\$&')}"`;
}
