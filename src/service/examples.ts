/** Configurations to begin with, by name: those of the README, with the folders of the service. */
export const EXAMPLES: Readonly<Record<string, string>> = {
  'tap.yaml': `# A tap with a mirror in a file of this machine.
source:
  tap:
    interfaces: [eth1]                     # prepared by: systemctl enable --now tapmirror-nic@eth1
    portals: ["10.0.0.2:3260"]             # the target, as hosts see it
state: /var/lib/tapmirror/tap
volumes:
  - lu: iqn.2024-01.example:disks/1        # TARGET-NAME/LUN
    first: iscsi://10.0.0.2/iqn.2024-01.example:disks/1
    mirrors:
      - file:/srv/tapmirror/second.img     # as long as the volume: truncate -s SIZE FILE; of the service's user
`,
  'tee.yaml': `# A tee in front of a target, with a mirror at another target.
source:
  tee: {listen: "10.0.0.1:3260", target: "10.0.0.2:3260"}
state: /var/lib/tapmirror/tee
volumes:
  - lu: iqn.2024-01.example:disks/1
    first: iscsi://10.0.0.2/iqn.2024-01.example:disks/1
    mirrors:
      - iscsi://10.0.9.2/iqn.2024-01.example:second/1
`,
  'near.yaml': `# A tap with a mirror at another site, whose unit has far.yaml.
source:
  tap: {interfaces: [eth1], portals: ["10.0.0.2:3260"]}
tls: {ca: keys/ca.crt, cert: keys/near.crt, key: keys/near.key}      # made by: tapmirror keys
state: /var/lib/tapmirror/near
volumes:
  - lu: iqn.2024-01.example:disks/1
    first: iscsi://10.0.0.2/iqn.2024-01.example:disks/1
    mirrors:
      - journey://10.0.9.1:7260/database
`,
  'far.yaml': `# The other site: it keeps the volume and a day of its past.
receive: {listen: "10.0.9.1:7260"}
tls: {ca: keys/ca.crt, cert: keys/far.crt, key: keys/far.key}
state: /var/lib/tapmirror/far
volumes:
  - name: database
    mirrors: ["file:/srv/tapmirror/far.img"]
    history: {window: 24h, bytes: 20GiB}
`,
};
