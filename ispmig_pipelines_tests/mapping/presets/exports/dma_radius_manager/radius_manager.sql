-- phpMyAdmin SQL Dump
-- version 4.0.10deb1ubuntu0.1

SET SQL_MODE = "NO_AUTO_VALUE_ON_ZERO";
/*!40101 SET NAMES utf8 */;

CREATE TABLE IF NOT EXISTS `rm_managers` (
  `managername` varchar(64) NOT NULL,
  `password` varchar(32) NOT NULL,
  `firstname` varchar(50) NOT NULL,
  `lastname` varchar(50) NOT NULL,
  `phone` varchar(15) NOT NULL,
  `balance` decimal(20,0) NOT NULL,
  `perm_listusers` tinyint(1) NOT NULL,
  `enablemanager` tinyint(1) NOT NULL,
  PRIMARY KEY (`managername`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `rm_managers` (`managername`, `password`, `firstname`, `lastname`, `phone`, `balance`, `perm_listusers`, `enablemanager`) VALUES
('admin', '21232f297a57a5a743894a0e4a801fc3', 'Default', 'Manager', '', -41088778, 1, 1);

CREATE TABLE IF NOT EXISTS `rm_services` (
  `srvid` int(11) NOT NULL,
  `srvname` varchar(100) NOT NULL,
  `descr` varchar(100) NOT NULL,
  `downrate` int(11) NOT NULL,
  `uprate` int(11) NOT NULL,
  `limitdl` int(11) NOT NULL,
  `limitul` int(11) NOT NULL,
  `limitcomb` int(11) NOT NULL,
  `limitexpiration` int(11) NOT NULL,
  `limituptime` int(11) NOT NULL,
  `poolname` varchar(100) NOT NULL,
  `unitprice` decimal(25,2) NOT NULL,
  `unitpriceadd` int(11) NOT NULL,
  `timebaseexp` int(11) NOT NULL,
  `timebaseonline` int(11) NOT NULL,
  `timeunitexp` int(11) NOT NULL,
  `timeunitonline` int(11) NOT NULL,
  `trafficunitdl` int(11) NOT NULL,
  `trafficunitul` int(11) NOT NULL,
  `trafficunitcomb` int(11) NOT NULL,
  `srvtype` int(11) NOT NULL,
  `monthly` int(11) NOT NULL,
  `enaddcredits` int(11) NOT NULL,
  `minamount` int(11) NOT NULL,
  `unitpricetax` int(11) NOT NULL,
  `unitpriceaddtax` int(11) NOT NULL,
  `enableburst` int(11) NOT NULL,
  `dlburstlimit` int(11) NOT NULL,
  `ulburstlimit` int(11) NOT NULL,
  `dlburstthreshold` int(11) NOT NULL,
  `ulburstthreshold` int(11) NOT NULL,
  `dlbursttime` int(11) NOT NULL,
  `ulbursttime` int(11) NOT NULL,
  `enableservice` int(11) NOT NULL,
  `dlquota` int(11) NOT NULL,
  `ulquota` int(11) NOT NULL,
  `combquota` int(11) NOT NULL,
  `timequota` int(11) NOT NULL,
  `priority` int(11) NOT NULL,
  `nextsrvid` int(11) NOT NULL,
  `dailynextsrvid` int(11) NOT NULL,
  `disnextsrvid` int(11) NOT NULL,
  `availucp` int(11) NOT NULL,
  `renew` int(11) NOT NULL,
  `carryover` int(11) NOT NULL,
  `policymapdl` varchar(100) NOT NULL,
  `policymapul` varchar(100) NOT NULL,
  `custattr` varchar(100) NOT NULL,
  `gentftp` int(11) NOT NULL,
  `cmcfg` varchar(100) NOT NULL,
  `advcmcfg` int(11) NOT NULL,
  `addamount` int(11) NOT NULL,
  `ignstatip` int(11) NOT NULL,
  PRIMARY KEY (`srvid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `rm_services` (`srvid`, `srvname`, `descr`, `downrate`, `uprate`, `limitdl`, `limitul`, `limitcomb`, `limitexpiration`, `limituptime`, `poolname`, `unitprice`, `unitpriceadd`, `timebaseexp`, `timebaseonline`, `timeunitexp`, `timeunitonline`, `trafficunitdl`, `trafficunitul`, `trafficunitcomb`, `srvtype`, `monthly`, `enaddcredits`, `minamount`, `unitpricetax`, `unitpriceaddtax`, `enableburst`, `dlburstlimit`, `ulburstlimit`, `dlburstthreshold`, `ulburstthreshold`, `dlbursttime`, `ulbursttime`, `enableservice`, `dlquota`, `ulquota`, `combquota`, `timequota`, `priority`, `nextsrvid`, `dailynextsrvid`, `disnextsrvid`, `availucp`, `renew`, `carryover`, `policymapdl`, `policymapul`, `custattr`, `gentftp`, `cmcfg`, `advcmcfg`, `addamount`, `ignstatip`) VALUES
(1, 'Light 2M', 'Home', 2097152, 524288, 0, 0, 0, 1, 0, 'Light', 18000, 0, 2, 0, 30, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, -1, -1, -1, 0, 0, 0, '', '', '', 0, '', 0, 0, 0),
(2, 'Fast 10M', '', 10485760, 2097152, 0, 0, 1, 1, 0, 'Fast', 35000.50, 0, 3, 0, 1, 0, 0, 0, 100000, 0, 1, 0, 0, 0, 0, 1, 12582912, 3145728, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, -1, -1, -1, 0, 0, 0, '', '', '', 0, '', 0, 0, 0),
(3, 'Hotel', 'Postpaid', 20971520, 20971520, 0, 0, 0, 0, 0, '', 250000, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, -1, -1, -1, 0, 0, 0, '', '', '', 0, '', 0, 0, 0);

CREATE TABLE IF NOT EXISTS `rm_users` (
  `username` varchar(64) NOT NULL,
  `password` varchar(100) NOT NULL,
  `groupid` int(11) NOT NULL,
  `enableuser` int(11) NOT NULL,
  `uplimit` int(11) NOT NULL,
  `downlimit` int(11) NOT NULL,
  `comblimit` int(11) NOT NULL,
  `firstname` varchar(100) NOT NULL,
  `lastname` varchar(100) NOT NULL,
  `company` varchar(100) NOT NULL,
  `phone` varchar(100) NOT NULL,
  `mobile` varchar(100) NOT NULL,
  `address` varchar(100) NOT NULL,
  `city` varchar(100) NOT NULL,
  `zip` varchar(100) NOT NULL,
  `country` varchar(100) NOT NULL,
  `state` varchar(100) NOT NULL,
  `comment` varchar(100) NOT NULL,
  `gpslat` decimal(17,14) NOT NULL,
  `gpslong` decimal(17,14) NOT NULL,
  `mac` varchar(100) NOT NULL,
  `usemacauth` int(11) NOT NULL,
  `expiration` datetime DEFAULT NULL,
  `uptimelimit` int(11) NOT NULL,
  `srvid` int(11) NOT NULL,
  `staticipcm` varchar(100) NOT NULL,
  `staticipcpe` varchar(100) NOT NULL,
  `ipmodecm` int(11) NOT NULL,
  `ipmodecpe` int(11) NOT NULL,
  `poolidcm` int(11) NOT NULL,
  `poolidcpe` int(11) NOT NULL,
  `createdon` date NOT NULL,
  `acctype` int(11) NOT NULL,
  `credits` decimal(20,2) NOT NULL,
  `cardfails` int(11) NOT NULL,
  `createdby` varchar(100) NOT NULL,
  `owner` varchar(100) NOT NULL,
  `taxid` varchar(100) NOT NULL,
  `email` varchar(100) NOT NULL,
  `maccm` varchar(100) NOT NULL,
  `custattr` varchar(100) NOT NULL,
  `warningsent` int(11) NOT NULL,
  `verifycode` varchar(100) NOT NULL,
  `verified` int(11) NOT NULL,
  `selfreg` int(11) NOT NULL,
  `verifyfails` int(11) NOT NULL,
  `verifysentnum` int(11) NOT NULL,
  `verifymobile` varchar(100) NOT NULL,
  `contractid` varchar(100) NOT NULL,
  `contractvalid` date DEFAULT NULL,
  `actcode` varchar(100) NOT NULL,
  `pswactsmsnum` int(11) NOT NULL,
  `alertemail` int(11) NOT NULL,
  `alertsms` int(11) NOT NULL,
  `lang` varchar(100) NOT NULL,
  `lastlogoff` datetime DEFAULT NULL,
  PRIMARY KEY (`username`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `rm_users` (`username`, `password`, `groupid`, `enableuser`, `uplimit`, `downlimit`, `comblimit`, `firstname`, `lastname`, `company`, `phone`, `mobile`, `address`, `city`, `zip`, `country`, `state`, `comment`, `gpslat`, `gpslong`, `mac`, `usemacauth`, `expiration`, `uptimelimit`, `srvid`, `staticipcm`, `staticipcpe`, `ipmodecm`, `ipmodecpe`, `poolidcm`, `poolidcpe`, `createdon`, `acctype`, `credits`, `cardfails`, `createdby`, `owner`, `taxid`, `email`, `maccm`, `custattr`, `warningsent`, `verifycode`, `verified`, `selfreg`, `verifyfails`, `verifysentnum`, `verifymobile`, `contractid`, `contractvalid`, `actcode`, `pswactsmsnum`, `alertemail`, `alertsms`, `lang`, `lastlogoff`) VALUES
('layla', '8a8bb7cd343aa2ad99b7d762030857a2', 1, 1, 0, 0, 0, 'Layla', 'Hassan', '', '07701234567', '9647701234567', 'Al Mansour St 14', 'Baghdad', '10013', 'Iraq', 'Baghdad', 'pays at the shop', 33.31524100000000, 44.36606700000000, '00:11:22:33:44:55', 0, '2025-07-07 16:20:26', 0, 1, '', '172.16.0.11', 0, 2, 0, 0, '2020-10-09', 0, 15000.00, 0, 'admin', 'admin', '', 'layla@example.com', '', '', 0, '', 0, 0, 0, 0, '', 'C-1', '2026-10-09', '', 0, 1, 1, 'English', NULL),
('karim', '693a9fdd4c2fd0700968fba0d07ff3c0', 1, 1, 0, 0, 0, 'Karim', 'Al-O\'Tay', '', '', '07709876543', '', 'Basra', '', 'Iraq', '', '', 0.00000000000000, 0.00000000000000, '', 0, '2025-01-31 12:00:00', 0, 2, '', '172.16.0.11', 0, 2, 0, 0, '2021-02-03', 0, 0.00, 0, 'admin', 'admin', '', 'karim@example.com', '', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL),
('hotel', '9d607a663f3e9b0a90c3c8d4426640dc', 3, 1, 524288, 1048576, 0, '', '', 'Hotel Babylon', '', '07801112223', 'Corniche', 'Basra', '', 'Iraq', '', '', 0.00000000000000, 0.00000000000000, '', 0, '2025-12-31 00:00:00', 0, 3, '10.200.0.5', '172.16.0.13', 0, 0, 0, 0, '2019-06-01', 0, -2500.00, 0, 'admin', 'admin', 'IQ-778899', '', '00aabbccddee', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL),
('omar', '894f782a148b33af1e39a0efed952d69', 1, 0, 0, 0, 0, 'Omar', '', '', '', '', '', '', '', '', '', '', 0.00000000000000, 0.00000000000000, '', 0, '0000-00-00 00:00:00', 0, 1, '', '', 0, 0, 0, 0, '2018-05-05', 0, 0.00, 0, 'admin', 'admin', '', '', '', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL),
('nour', '32cfe6c19200b67afb7c3d0e1c43eadb', 1, 1, 0, 0, 0, 'Nour', 'Aziz', '', '', '07705556667', '', '', '', '', '', '', 0.00000000000000, 0.00000000000000, '', 0, '2025-03-03 00:00:00', 0, 2, '', '', 0, 0, 0, 0, '2022-03-03', 0, 0.00, 0, 'admin', 'admin', '', 'nour(at)example.com', '', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL),
('ghost', 'f74dd50cfec0f8549406fee6191d2f8d', 1, 1, 0, 0, 0, 'Ghost', 'User', '', '', '', '', '', '', '', '', '', 0.00000000000000, 0.00000000000000, '', 0, '2020-03-03 00:00:00', 0, 77, '', '', 0, 0, 0, 0, '2019-03-03', 0, 0.00, 0, 'admin', 'admin', '', '', '', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL),
('card_8812', 'c692562238d8c12c32434c50b96d56ae', 1, 1, 0, 0, 0, '', '', '', '', '', '', '', '', '', '', '', 0.00000000000000, 0.00000000000000, '', 0, NULL, 0, 2, '', '', 0, 0, 0, 0, '2023-03-03', 1, 0.00, 0, 'admin', 'admin', '', '', '', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL),
('zaid', '68c42382c8b93fc29c2fcb6a444aeda5', 1, 1, 0, 0, 0, 'Zaid', 'Jabbar', '', '', '07712223334', '', '', '', '', '', '', 0.00000000000000, 0.00000000000000, '', 0, '2025-05-05 10:00:00', 0, 1, '', '', 0, 0, 0, 0, '0000-00-00', 0, 250.50, 0, 'admin', 'admin', '', '', '', '', 0, '', 0, 0, 0, 0, '', '', '0000-00-00', '', 0, 1, 1, 'English', NULL);

CREATE TABLE IF NOT EXISTS `radcheck` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `attribute` varchar(64) NOT NULL DEFAULT '',
  `op` char(2) NOT NULL DEFAULT '==',
  `value` varchar(253) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `radcheck` (`id`, `username`, `attribute`, `op`, `value`) VALUES
(1, 'layla', 'Cleartext-Password', ':=', 'clear-layla'),
(2, 'layla', 'Simultaneous-Use', ':=', '1'),
(3, 'karim', 'Cleartext-Password', ':=', 'clear-karim'),
(4, 'karim', 'Simultaneous-Use', ':=', '1'),
(5, 'hotel', 'Cleartext-Password', ':=', 'clear-hotel'),
(6, 'hotel', 'Simultaneous-Use', ':=', '2'),
(7, 'omar', 'Cleartext-Password', ':=', 'clear-omar'),
(8, 'omar', 'Simultaneous-Use', ':=', '1'),
(9, 'nour', 'Cleartext-Password', ':=', 'clear-nour'),
(10, 'nour', 'Simultaneous-Use', ':=', '1'),
(11, 'ghost', 'Cleartext-Password', ':=', 'clear-ghost'),
(12, 'ghost', 'Simultaneous-Use', ':=', '1'),
(13, 'card_8812', 'Cleartext-Password', ':=', 'clear-card_8812'),
(14, 'card_8812', 'Simultaneous-Use', ':=', '1'),
(15, 'zaid', 'Cleartext-Password', ':=', 'clear-zaid'),
(16, 'zaid', 'Simultaneous-Use', ':=', '1');

CREATE TABLE IF NOT EXISTS `nas` (
  `id` int(10) NOT NULL AUTO_INCREMENT,
  `nasname` varchar(128) NOT NULL,
  `shortname` varchar(32) DEFAULT NULL,
  `type` varchar(30) DEFAULT 'other',
  `ports` int(5) DEFAULT NULL,
  `secret` varchar(60) NOT NULL DEFAULT 'secret',
  `community` varchar(50) DEFAULT NULL,
  `description` varchar(200) DEFAULT 'RADIUS Client',
  `starospassword` varchar(32) NOT NULL,
  `ciscobwmode` tinyint(1) NOT NULL,
  `apiusername` varchar(32) NOT NULL,
  `apipassword` varchar(32) NOT NULL,
  `apiver` tinyint(1) NOT NULL,
  `coamode` tinyint(1) NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8;

INSERT INTO `nas` (`id`, `nasname`, `shortname`, `type`, `ports`, `secret`, `community`, `description`, `starospassword`, `ciscobwmode`, `apiusername`, `apipassword`, `apiver`, `coamode`) VALUES
(6, '10.15.15.1', 'Mikrotik', '0', NULL, 'nas-123', NULL, '', '', 0, 'api', 'api-456', 0, 0);
