// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of commands, in the order of the workflow. */
#include "commands.h"

#define TABLES(name) options_of_##name, command_##name

const struct command commands[] = {
	{ "status", "show the card's state and who is enrolled", NULL, NULL, VALUE_NONE, false, TABLES(status) },
	{ "heads", "show the programming heads", NULL, NULL, VALUE_NONE, false, TABLES(heads) },
	{ "jobs", "show the jobs and their counts", NULL, NULL, VALUE_NONE, false, TABLES(jobs) },
	{ "monitor", "print what happens to the cards of this machine, a line for each event",
	  "Units, jobs, faults, resets, cards that come and go, until Ctrl-C. Takes the capability CAP_NET_ADMIN, since events tell\n"
	  "how production goes. With -o json each line is an object. A number behind #, or sequence, counts events of all\n"
	  "cards; what a monitor was too slow to take is reported as lost.",
	  NULL, VALUE_NONE, false, TABLES(monitor) },
	{ "csr", "export certificate requests of the card's keys, PEM",
	  "--identity: of the identity keys, for the card maker. --issuer OEM: of the key that signs the\n"
	  "certificates of that OEM's devices, for the OEM's CA; the card has one of each --algorithm.",
	  NULL, VALUE_NONE, false, TABLES(csr) },
	{ "init", "take a blank card into service; its security officer signs", NULL, NULL, VALUE_NONE, false, TABLES(init) },
	{ "enrol", "enrol an operator, an auditor or an OEM; the security officer signs",
	  "A person has exactly one certificate. An OEM has its anchors: its packages are accepted when both\n"
	  "signers chain to them.",
	  NULL, VALUE_NONE, false, TABLES(enrol) },
	{ "remove", "end an enrolment: a key is lost, or a person leaves; officers sign",
	  "The log keeps the name. The last officers that the policy needs stay, and so does an OEM with an open job.",
	  "NAME", VALUE_TEXT, false, TABLES(remove) },
	{ "policy", "say how many officers must sign, and how many failures lock a person out; officers sign",
	  "It is signed by as many officers as it asks for, or as were needed before if that is more. Those who sign in one\n"
	  "place are given as several --key and --cert; for several places see --request-only.",
	  NULL, VALUE_NONE, false, TABLES(policy) },
	{ "unlock", "forgive a person's failures; officers sign", NULL, "NAME", VALUE_TEXT, false, TABLES(unlock) },
	{ "submit", "send a request that is signed by enough people to the card", NULL, "FILE", VALUE_FILE, false, TABLES(submit) },
	{ "state", "put the card into maintenance, back into service, or out of service for good; officers sign",
	  "In maintenance the card produces nothing; its people, its firmware and its log are served. decommissioned is final: the\n"
	  "keys that packages are encrypted to and the keys that devices are certified with are destroyed, and all jobs are closed;\n"
	  "log and hand-overs stay readable.",
	  "STATE", VALUE_TEXT, false, TABLES(state) },
	{ "time", "show the card's time, or set it; the time authority signs",
	  "The card takes a time that lies at most 30 days ahead of its own and at most 5 minutes behind, which then confirms its\n"
	  "own; a longer step is signed by security officers as well. The host's clock counts for nothing but 'now', which is what\n"
	  "the time authority signs.",
	  NULL, VALUE_NONE, false, TABLES(time) },
	{ "evidence", "ask the card what it is, or check what it said",
	  "With --nonce or --nonce-file the card is asked, and --output gets its signed answer. With --verify an answer is checked;\n"
	  "that needs no card.",
	  NULL, VALUE_NONE, false, TABLES(evidence) },
	{ "zeroise", "destroy every secret of the card, which begins anew as a blank one; officers sign",
	  "A card that has failed or was tampered with may not know its officers any more: it obeys --present, when its zeroise\n"
	  "jumper is set, and is blank when it is switched on again.",
	  NULL, VALUE_NONE, false, TABLES(zeroise) },
	{ "cert", "export the card's certificates: what an OEM packs to, PEM", NULL, NULL, VALUE_NONE, false, TABLES(cert) },
	{ "pack", "make a package for one or more cards; needs no card",
	  "Options that belong to cards and signers come in order: the first --issuer is for the card of the\n"
	  "first --card-certs, the first --cert belongs to the first --key. A package is signed twice: with a\n"
	  "P-384 key and with an ML-DSA-65 key; one of --suite cnsa2 once, with an ML-DSA-87 key. --count and\n"
	  "--scrap are for each card. With --issuer-key all cards issue with that key, which travels encrypted;\n"
	  "without it each with its own.\n"
	  "With --quota-member the package grants nothing: so many members must sign each grant, the first one too.\n"
	  "--approvals is what you demand of the programming house, beside the card's own rules.",
	  NULL, VALUE_NONE, false, TABLES(pack) },
	{ "grant", "make a later grant: more units, more scrap, another time, or the end of a job; needs no card",
	  "A grant follows the one before it, which --previous names; the first is in the package. Ceilings are totals since\n"
	  "the beginning and only rise; what is left out stays as it was. It is signed as the package is, and goes to the\n"
	  "card by 'provcard load'. Where the package names a quota authority, one of its members makes the grant with keys\n"
	  "of its own, the first grant too, and the others add their signatures by 'provcard sign'.",
	  NULL, VALUE_NONE, false, TABLES(grant) },
	{ "sign", "add your signatures to a grant or a request that others signed; needs no card",
	  "FILE is checked first and shown afterwards; what it says stays as it is. Nobody needs another's keys.", "FILE", VALUE_FILE,
	  false, TABLES(sign) },
	{ "inspect", "show what a package, a grant or a request says, and who signed it; needs no card",
	  "Signatures must be good, whoever made them; 'provcard verify' tells who they are good for.", "FILE", VALUE_FILE, false,
	  TABLES(inspect) },
	{ "load", "load a package into the card, which verifies all of it, or a later grant",
	  "A package that was loaded before changes nothing, nor does a grant that is in force; grants are loaded in their\n"
	  "sequence.",
	  "FILE", VALUE_FILE, false, TABLES(load) },
	{ "allocate", "release units of a job for production; an operator signs", NULL, NULL, VALUE_NONE, false, TABLES(allocate) },
	{ "run", "provision the parts in the sockets",
	  "Runs one unit on each head and stops. With --wait-for-parts a head goes on as soon as the next part is in its\n"
	  "socket, until --units are good, the allocation is used up, or you press Ctrl-C, which lets the units in\n"
	  "progress end; a second Ctrl-C stops them. A unit that was stopped resumes when its part is run again.",
	  NULL, VALUE_NONE, false, TABLES(run) },
	{ "close", "end a job and write the hand-over for the OEM; an operator signs",
	  "Units not made are destroyed. A job that is closed already is written again. --output gets:\n"
	  "end-certificate.p7m, records.jsonl with the certificates, ca.pem, card-certs.pem, checkpoint.txt.",
	  NULL, VALUE_NONE, false, TABLES(close) },
	{ "verify", "check a hand-over, a device, a package or a grant; needs no card",
	  "PATH is the folder of a hand-over, a package, a grant, or with --device a birth bundle. A hand-over is checked from the card maker's anchors to\n"
	  "the last device certificate, and who granted its units: enough members of the package's quota authority, or else an OEM,\n"
	  "with --anchor this one; with --uid one device alone, without its grants. A package is checked as far as that is possible\n"
	  "without the card's keys: form, signatures, digest of every segment.",
	  "PATH", VALUE_FILE, false, TABLES(verify) },
	{ "export", "check a hand-over and write its devices in a form that others read; needs no card",
	  "FOLDER is a hand-over; nothing is written unless all of it is right. Forms: pem, the certificates of the good\n"
	  "devices, then those above them; certs, a folder with a file UID.pem for each; csv, a line per attempt; json, the same\n"
	  "with the certificates; bundle, a folder with a file UID.json for each good device, or with --uid one file, each of\n"
	  "which 'provcard verify --device' checks without anything else, with the secrets that are sealed for you; jws, a signed\n"
	  "secure element manifest as cloud services take it, an array with a JWS for each good device, signed by --key.",
	  "FOLDER", VALUE_FOLDER, false, TABLES(export) },
	{ "secrets", "check a hand-over and open the secrets it returns; needs no card, but your escrow keys",
	  "FOLDER is a hand-over of a job whose lifecycle keys are random or have \"return\": true. Prints JSON: units, and scrap, each\n"
	  "an object of UID to an object of name to hexadecimal. Nothing is written unless all of the hand-over is right.",
	  "FOLDER", VALUE_FOLDER, false, TABLES(secrets) },
	{ "log", "print the card's audit log", NULL, NULL, VALUE_NONE, false, TABLES(log) },
	{ "log export", "write the card's whole log to a file that can be checked without it",
	  "The file has the log's signed checkpoint, the card's certificates, and every entry with its attachment from --from on.\n"
	  "An auditor who keeps the files asks for those entries alone that came since, with --brief for none of them.",
	  NULL, VALUE_NONE, false, TABLES(log_export) },
	{ "log verify", "check a log's file: entries, order, checkpoint, and that nothing was changed since an earlier one",
	  "Without a card. The chain of records and the tree must come to the checkpoint, which the card signed with both keys. With\n"
	  "--after the log that an earlier file or checkpoint was about must be this one's beginning.",
	  "FILE", VALUE_FILE, false, TABLES(log_verify) },
	{ "audit", "check a log's file as 'log verify' does, and have the card record that the auditor saw it",
	  "FILE is from 'provcard log export'. The auditor signs how many records it has and their tree's root; the card\n"
	  "compares with its own log. With --job the job's hand-over shows it.",
	  "FILE", VALUE_FILE, false, TABLES(audit) },
	{ "firmware", "show the card's firmware; the same as 'provcard firmware status'", NULL, NULL, VALUE_NONE, false,
	  TABLES(firmware_status) },
	{ "firmware status", "show the card's firmware, its two slots and the floor", NULL, NULL, VALUE_NONE, false,
	  TABLES(firmware_status) },
	{ "firmware load", "have the card verify a firmware and store it in the slot that does not run",
	  "The card takes firmware of its maker only, not below its floor, and goes on with the one that runs.", "FILE", VALUE_FILE,
	  false, TABLES(firmware_load) },
	{ "firmware activate", "have the firmware stored started with the next power-on; a security officer signs",
	  "FILE is the firmware that was loaded: its digest and security version are what is signed. A firmware that does not\n"
	  "come up falls back after three starts. When it has come up, the card's floor rises to its security version, for good.",
	  "FILE", VALUE_FILE, false, TABLES(firmware_activate) },
	{ "firmware inspect", "check a firmware file; needs no card", NULL, "FILE", VALUE_FILE, false, TABLES(firmware_inspect) },
	{ "firmware pack", "make a firmware file; the card's maker signs it twice; needs no card",
	  "Give --key and --cert twice, in the same order: a P-384 key and an ML-DSA-87 key, whose certificates have one\n"
	  "subject and chain to the anchors in the card's read-only memory.",
	  NULL, VALUE_NONE, false, TABLES(firmware_pack) },
	{ "refusals", "print every refusal code there is, or one by name or number", NULL, "CODE", VALUE_TEXT, true, TABLES(refusals) },
	{ "completion", "print completion for bash: source <(provcard completion)", NULL, NULL, VALUE_NONE, false, TABLES(completion) },
	{ NULL, NULL, NULL, NULL, VALUE_NONE, false, NULL, NULL },
};
