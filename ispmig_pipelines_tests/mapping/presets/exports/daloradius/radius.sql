-- MySQL dump 10.19  Distrib 10.3.39-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: localhost    Database: radius
-- ------------------------------------------------------
-- Server version	10.3.39-MariaDB-0+deb10u1

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8mb4 */;
/*!40103 SET TIME_ZONE='+00:00' */;

--
-- Table structure for table `billing_plans`
--

DROP TABLE IF EXISTS `billing_plans`;
/*!40101 SET @saved_cs_client     = @@character_set_client */;
CREATE TABLE `billing_plans` (
  `id` int(8) NOT NULL AUTO_INCREMENT,
  `planName` varchar(128) DEFAULT NULL,
  `planId` varchar(128) DEFAULT NULL,
  `planType` varchar(128) DEFAULT NULL,
  `planTimeBank` varchar(128) DEFAULT NULL,
  `planTimeType` varchar(128) DEFAULT NULL,
  `planTimeRefillCost` varchar(128) DEFAULT NULL,
  `planBandwidthUp` varchar(128) DEFAULT NULL,
  `planBandwidthDown` varchar(128) DEFAULT NULL,
  `planTrafficTotal` varchar(128) DEFAULT NULL,
  `planTrafficUp` varchar(128) DEFAULT NULL,
  `planTrafficDown` varchar(128) DEFAULT NULL,
  `planTrafficRefillCost` varchar(128) DEFAULT NULL,
  `planRecurring` varchar(128) DEFAULT NULL,
  `planRecurringPeriod` varchar(128) DEFAULT NULL,
  `planRecurringBillingSchedule` varchar(128) NOT NULL DEFAULT 'Fixed',
  `planCost` varchar(128) DEFAULT NULL,
  `planSetupCost` varchar(128) DEFAULT NULL,
  `planTax` varchar(128) DEFAULT NULL,
  `planCurrency` varchar(128) DEFAULT NULL,
  `planGroup` varchar(128) DEFAULT NULL,
  `planActive` varchar(32) NOT NULL DEFAULT 'yes',
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `planName` (`planName`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;
/*!40101 SET character_set_client = @saved_cs_client */;

LOCK TABLES `billing_plans` WRITE;
/*!40000 ALTER TABLE `billing_plans` DISABLE KEYS */;
INSERT INTO `billing_plans` VALUES (1,'Home 10','','Postpaid','','','','2048','10240','','','','','yes','Monthly','Fixed','29.90','50','20','EUR','home10','yes','2018-01-05 10:00:00','administrator','0000-00-00 00:00:00',NULL),(2,'Office 50','','Postpaid','','','','51200','51200','','','','','yes','Monthly','Anniversary','99.00','0','20','EUR','office50','yes','2018-01-05 10:05:00','administrator','0000-00-00 00:00:00',NULL),(3,'Day ticket','','Prepaid','86400','Accumulative','','512','4096','','','','','no','Never','Fixed','3.5','','20','EUR','ticket','no','2018-01-05 10:10:00','administrator','0000-00-00 00:00:00',NULL);
/*!40000 ALTER TABLE `billing_plans` ENABLE KEYS */;
UNLOCK TABLES;

--
-- Table structure for table `invoice`
--

DROP TABLE IF EXISTS `invoice`;
CREATE TABLE `invoice` (
  `id` int(32) NOT NULL AUTO_INCREMENT,
  `user_id` int(32) DEFAULT NULL COMMENT 'user id of the userbillinfo table',
  `batch_id` int(32) DEFAULT NULL COMMENT 'batch id of the batch_history table',
  `date` datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  `status_id` int(10) NOT NULL DEFAULT 1 COMMENT 'the status of the invoice from invoice_status',
  `type_id` int(10) NOT NULL DEFAULT 1 COMMENT 'the type of the invoice from invoice_type',
  `notes` varchar(128) NOT NULL COMMENT 'general notes/description',
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=6 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `invoice` WRITE;
INSERT INTO `invoice` VALUES (101,11,NULL,'2024-01-01 00:00:00',5,1,'January','2024-01-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(102,12,NULL,'2024-01-01 00:00:00',1,1,'','2024-01-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(103,13,NULL,'2024-02-01 00:00:00',6,2,'cable laid','2024-02-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(104,99,NULL,'2024-02-01 00:00:00',1,1,'user is gone','2024-02-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(105,11,NULL,'0000-00-00 00:00:00',3,1,'empty','2024-02-01 00:00:00','administrator','0000-00-00 00:00:00',NULL);
UNLOCK TABLES;

--
-- Table structure for table `invoice_items`
--

DROP TABLE IF EXISTS `invoice_items`;
CREATE TABLE `invoice_items` (
  `id` int(32) NOT NULL AUTO_INCREMENT,
  `invoice_id` int(32) NOT NULL COMMENT 'invoice id of the invoices table',
  `plan_id` int(32) DEFAULT NULL COMMENT 'the plan_id of the billing_plans table',
  `amount` decimal(10,2) NOT NULL DEFAULT 0.00 COMMENT 'the amount cost of an item',
  `tax_amount` decimal(10,2) NOT NULL DEFAULT 0.00 COMMENT 'the tax amount for an item',
  `total` decimal(10,2) NOT NULL DEFAULT 0.00 COMMENT 'the total amount',
  `notes` varchar(128) NOT NULL COMMENT 'general notes/description',
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `invoice_items` WRITE;
INSERT INTO `invoice_items` VALUES (1,101,1,29.90,5.98,35.88,'Home 10, January','2024-01-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(2,101,NULL,10.00,2.00,12.00,'router hire','2024-01-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(3,102,2,99.00,19.80,118.80,'','2024-01-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(4,103,NULL,50.00,10.00,60.00,'it\'s \"done\"','2024-02-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(5,103,1,-5.00,-1.00,-6.00,'rebate','2024-02-01 00:00:00','administrator','0000-00-00 00:00:00',NULL),(6,104,1,29.90,5.98,35.88,'','2024-02-01 00:00:00','administrator','0000-00-00 00:00:00',NULL);
UNLOCK TABLES;

DROP TABLE IF EXISTS `invoice_status`;
CREATE TABLE `invoice_status` (
  `id` int(10) NOT NULL AUTO_INCREMENT,
  `value` varchar(32) NOT NULL DEFAULT '' COMMENT 'status value',
  `notes` varchar(128) NOT NULL COMMENT 'general notes/description',
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=7 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `invoice_status` WRITE;
INSERT INTO `invoice_status` VALUES (1,'open','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(2,'disputed','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(3,'draft','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(4,'sent','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(5,'paid','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(6,'partial','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator');
UNLOCK TABLES;

DROP TABLE IF EXISTS `nas`;
CREATE TABLE `nas` (
  `id` int(10) NOT NULL AUTO_INCREMENT,
  `nasname` varchar(128) NOT NULL,
  `shortname` varchar(32) DEFAULT NULL,
  `type` varchar(30) DEFAULT 'other',
  `ports` int(5) DEFAULT NULL,
  `secret` varchar(60) NOT NULL DEFAULT 'secret',
  `server` varchar(64) DEFAULT NULL,
  `community` varchar(50) DEFAULT NULL,
  `description` varchar(200) DEFAULT 'RADIUS Client',
  PRIMARY KEY (`id`),
  KEY `nasname` (`nasname`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `nas` WRITE;
INSERT INTO `nas` VALUES (1,'192.0.2.10','mast-north','mikrotik',0,'s3cr3t-north','','public','North mast'),(2,'bras.example.net','bras','cisco',NULL,'s3cr3t-bras',NULL,NULL,'RADIUS Client');
UNLOCK TABLES;

DROP TABLE IF EXISTS `operators`;
CREATE TABLE `operators` (
  `id` int(32) NOT NULL AUTO_INCREMENT,
  `username` varchar(32) NOT NULL,
  `password` varchar(95) NOT NULL,
  `firstname` varchar(32) NOT NULL,
  `lastname` varchar(32) NOT NULL,
  `title` varchar(32) NOT NULL,
  `department` varchar(32) NOT NULL,
  `company` varchar(32) NOT NULL,
  `phone1` varchar(32) NOT NULL,
  `phone2` varchar(32) NOT NULL,
  `email1` varchar(32) NOT NULL,
  `email2` varchar(32) NOT NULL,
  `messenger1` varchar(32) NOT NULL,
  `messenger2` varchar(32) NOT NULL,
  `notes` varchar(128) NOT NULL,
  `lastlogin` datetime DEFAULT '0000-00-00 00:00:00',
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `operators` WRITE;
INSERT INTO `operators` VALUES (1,'administrator','radius-operator-pw','Sys','Admin','','','','','','noc@example.net','','','','','2024-02-20 08:00:00');
UNLOCK TABLES;

DROP TABLE IF EXISTS `payment`;
CREATE TABLE `payment` (
  `id` int(32) NOT NULL AUTO_INCREMENT,
  `invoice_id` int(32) NOT NULL COMMENT 'invoice id of the invoices table',
  `amount` decimal(10,2) NOT NULL COMMENT 'the amount paid',
  `date` datetime NOT NULL DEFAULT '0000-00-00 00:00:00',
  `type_id` int(10) NOT NULL DEFAULT 1 COMMENT 'the type of the payment from payment_type',
  `notes` varchar(128) NOT NULL COMMENT 'general notes/description',
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `payment` WRITE;
INSERT INTO `payment` VALUES (1,101,47.88,'2024-01-10 12:30:00',3,'','2024-01-10 12:30:00','administrator','0000-00-00 00:00:00',NULL),(2,103,20.00,'2024-02-03 09:00:00',1,'at the desk','2024-02-03 09:00:00','anna','0000-00-00 00:00:00',NULL),(3,104,35.88,'2024-02-04 09:00:00',2,'','2024-02-04 09:00:00','anna','0000-00-00 00:00:00',NULL),(4,777,12.00,'2024-02-05 09:00:00',1,'invoice was deleted','2024-02-05 09:00:00','anna','0000-00-00 00:00:00',NULL),(5,102,5.00,'2024-02-06 09:00:00',9,'voucher','2024-02-06 09:00:00','anna','0000-00-00 00:00:00',NULL);
UNLOCK TABLES;

DROP TABLE IF EXISTS `payment_type`;
CREATE TABLE `payment_type` (
  `id` int(10) NOT NULL AUTO_INCREMENT,
  `value` varchar(32) NOT NULL DEFAULT '' COMMENT 'type value',
  `notes` varchar(128) NOT NULL COMMENT 'general notes/description',
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB AUTO_INCREMENT=4 DEFAULT CHARSET=utf8mb4;

LOCK TABLES `payment_type` WRITE;
INSERT INTO `payment_type` VALUES (1,'Cash','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(2,'Check','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator'),(3,'Bank Transfer','','2010-05-27 00:00:00','operator','2010-05-27 00:00:00','operator');
UNLOCK TABLES;

DROP TABLE IF EXISTS `radacct`;
CREATE TABLE `radacct` (
  `radacctid` bigint(21) NOT NULL AUTO_INCREMENT,
  `acctsessionid` varchar(64) NOT NULL DEFAULT '',
  `acctuniqueid` varchar(32) NOT NULL DEFAULT '',
  `username` varchar(64) NOT NULL DEFAULT '',
  `realm` varchar(64) DEFAULT '',
  `nasipaddress` varchar(15) NOT NULL DEFAULT '',
  `nasportid` varchar(32) DEFAULT NULL,
  `nasporttype` varchar(32) DEFAULT NULL,
  `acctstarttime` datetime DEFAULT NULL,
  `acctstoptime` datetime DEFAULT NULL,
  `acctsessiontime` int(12) unsigned DEFAULT NULL,
  `acctinputoctets` bigint(20) DEFAULT NULL,
  `acctoutputoctets` bigint(20) DEFAULT NULL,
  `calledstationid` varchar(50) NOT NULL DEFAULT '',
  `callingstationid` varchar(50) NOT NULL DEFAULT '',
  `acctterminatecause` varchar(32) NOT NULL DEFAULT '',
  `framedipaddress` varchar(15) NOT NULL DEFAULT '',
  PRIMARY KEY (`radacctid`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `radacct` WRITE;
INSERT INTO `radacct` VALUES (1,'81000001','a1b2c3d4e5f60718','anna','','192.0.2.10','','Ethernet','2024-02-01 08:00:00','2024-02-01 20:00:00',43200,1024,2048,'','00:00:5E:00:53:01','User-Request','198.51.100.11'),(2,'81000002','a1b2c3d4e5f60719','bernd','','192.0.2.10','','Ethernet','2024-02-01 09:00:00',NULL,0,0,0,'','00:00:5E:00:53:02','','198.51.100.12');
UNLOCK TABLES;

DROP TABLE IF EXISTS `radcheck`;
CREATE TABLE `radcheck` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `attribute` varchar(64) NOT NULL DEFAULT '',
  `op` char(2) NOT NULL DEFAULT '==',
  `value` varchar(253) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `username` (`username`(32))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `radcheck` WRITE;
INSERT INTO `radcheck` VALUES (1,'anna','Cleartext-Password',':=','anna\'s pw'),(2,'anna','Expiration',':=','31 Dec 2024'),(3,'bernd','Cleartext-Password',':=','b3rnd'),(4,'bernd','Simultaneous-Use',':=','2'),(5,'carla','MD5-Password',':=','5f4dcc3b5aa765d61d8327deb882cf99'),(6,'dora','Crypt-Password',':=','$1$abcdefgh$8jKQ0nG9mYbN6yS3l2vZc.'),(7,'emil','User-Password','==','em1l'),(8,'emil','Auth-Type',':=','Reject'),(9,'00-00-5E-00-53-0A','Auth-Type',':=','Accept'),(10,'ghost','Cleartext-Password',':=','nobody'),(11,'fritz','Cleartext-Password',':=','fr1tz'),(12,'gina','Cleartext-Password',':=','g1na'),(13,'anna','Calling-Station-Id','==','00:00:5E:00:53:01');
UNLOCK TABLES;

DROP TABLE IF EXISTS `radgroupreply`;
CREATE TABLE `radgroupreply` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `groupname` varchar(64) NOT NULL DEFAULT '',
  `attribute` varchar(64) NOT NULL DEFAULT '',
  `op` char(2) NOT NULL DEFAULT '=',
  `value` varchar(253) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `groupname` (`groupname`(32))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `radgroupreply` WRITE;
INSERT INTO `radgroupreply` VALUES (1,'home10','Mikrotik-Rate-Limit',':=','2M/10M'),(2,'office50','WISPr-Bandwidth-Max-Down',':=','51200000');
UNLOCK TABLES;

DROP TABLE IF EXISTS `radpostauth`;
CREATE TABLE `radpostauth` (
  `id` int(11) NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `pass` varchar(64) NOT NULL DEFAULT '',
  `reply` varchar(32) NOT NULL DEFAULT '',
  `authdate` timestamp(6) NOT NULL DEFAULT current_timestamp(6) ON UPDATE current_timestamp(6),
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `radpostauth` WRITE;
UNLOCK TABLES;

DROP TABLE IF EXISTS `radreply`;
CREATE TABLE `radreply` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `attribute` varchar(64) NOT NULL DEFAULT '',
  `op` char(2) NOT NULL DEFAULT '=',
  `value` varchar(253) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`),
  KEY `username` (`username`(32))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `radreply` WRITE;
INSERT INTO `radreply` VALUES (1,'anna','Framed-IP-Address',':=','198.51.100.11'),(2,'bernd','Framed-IP-Address','=','198.51.100.12'),(3,'carla','Framed-IP-Address',':=','198.51.100.12'),(4,'anna','Mikrotik-Rate-Limit',':=','4M/20M'),(5,'dora','Framed-IP-Netmask',':=','255.255.255.255'),(6,'dora','Framed-IP-Address',':=','255.255.255.254'),(7,'fritz','Framed-IP-Address',':=','198.51.100.300');
UNLOCK TABLES;

DROP TABLE IF EXISTS `radusergroup`;
CREATE TABLE `radusergroup` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(64) NOT NULL DEFAULT '',
  `groupname` varchar(64) NOT NULL DEFAULT '',
  `priority` int(11) NOT NULL DEFAULT 1,
  PRIMARY KEY (`id`),
  KEY `username` (`username`(32))
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `radusergroup` WRITE;
INSERT INTO `radusergroup` VALUES (1,'anna','home10',1),(2,'bernd','office50',1),(3,'carla','home10',1),(4,'carla','daloRADIUS-Disabled-Users',0),(5,'emil','home10',1),(6,'ghost','home10',1),(7,'gina','Home 10',1);
UNLOCK TABLES;

DROP TABLE IF EXISTS `userbillinfo`;
CREATE TABLE `userbillinfo` (
  `id` int(8) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(128) DEFAULT NULL,
  `planName` varchar(128) DEFAULT NULL,
  `hotspot_id` int(32) DEFAULT NULL,
  `hotspotlocation` varchar(32) DEFAULT NULL,
  `contactperson` varchar(200) DEFAULT NULL,
  `company` varchar(200) DEFAULT NULL,
  `email` varchar(200) DEFAULT NULL,
  `phone` varchar(200) DEFAULT NULL,
  `address` varchar(200) DEFAULT NULL,
  `city` varchar(200) DEFAULT NULL,
  `state` varchar(200) DEFAULT NULL,
  `country` varchar(100) DEFAULT NULL,
  `zip` varchar(200) DEFAULT NULL,
  `paymentmethod` varchar(200) DEFAULT NULL,
  `cash` varchar(200) DEFAULT NULL,
  `creditcardname` varchar(200) DEFAULT NULL,
  `creditcardnumber` varchar(200) DEFAULT NULL,
  `creditcardverification` varchar(200) DEFAULT NULL,
  `creditcardtype` varchar(200) DEFAULT NULL,
  `creditcardexp` varchar(200) DEFAULT NULL,
  `notes` varchar(200) DEFAULT NULL,
  `changeuserbillinfo` varchar(128) DEFAULT NULL,
  `lead` varchar(200) DEFAULT NULL,
  `coupon` varchar(200) DEFAULT NULL,
  `ordertaker` varchar(200) DEFAULT NULL,
  `billstatus` varchar(200) DEFAULT NULL,
  `lastbill` date NOT NULL DEFAULT '0000-00-00',
  `nextbill` date NOT NULL DEFAULT '0000-00-00',
  `nextinvoicedue` int(32) DEFAULT NULL,
  `billdue` int(32) DEFAULT NULL,
  `postalinvoice` varchar(8) DEFAULT NULL,
  `faxinvoice` varchar(8) DEFAULT NULL,
  `emailinvoice` varchar(8) DEFAULT NULL,
  `batch_id` int(32) DEFAULT NULL,
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `username` (`username`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `userbillinfo` WRITE;
INSERT INTO `userbillinfo` VALUES (11,'anna','Home 10',0,'','Anna Huber','','anna.bill@example.org','','Ringstr. 1','Graz','Styria','Austria','8010','creditcard','','Anna Huber','4111111111111111','737','Visa','12/27','','0','','','','','2024-01-01','2024-02-01',14,14,'','','on',NULL,'2019-05-01 10:00:00','administrator','0000-00-00 00:00:00',NULL),(12,'bernd','Office 50',0,'','Frau Novak','Bernd & Söhne','office@bernd.example','','Hauptplatz 5','Graz','Styria','Austria','8020','cash','','','','','','','','0','','','','','0000-00-00','0000-00-00',NULL,30,'on','','',NULL,'2019-06-01 10:00:00','administrator','0000-00-00 00:00:00',NULL),(13,'carla','Home 10',0,'','','','','','','','','','','','','','','','','','','0','','','','','0000-00-00','0000-00-00',NULL,NULL,'','','',NULL,'0000-00-00 00:00:00',NULL,'0000-00-00 00:00:00',NULL),(14,'dora','Gone plan',0,'','','','','','','','','','','','','','','','','','','0','','','','','0000-00-00','0000-00-00',NULL,NULL,'','','',NULL,'0000-00-00 00:00:00',NULL,'0000-00-00 00:00:00',NULL),(15,'emil','Home 10',0,'','','','','','','','','','','creditcard','','Emil Wolf','5555 5555 5555 4444','999','MasterCard','1/2026','','0','','','','','0000-00-00','0000-00-00',NULL,NULL,'','','',NULL,'0000-00-00 00:00:00',NULL,'0000-00-00 00:00:00',NULL),(16,'00-00-5E-00-53-0A','Day ticket',0,'','','','','','','','','','','','','','','','','','','0','','','','','0000-00-00','0000-00-00',NULL,NULL,'','','',NULL,'0000-00-00 00:00:00',NULL,'0000-00-00 00:00:00',NULL),(17,'gina','',0,'','','','','','','','','','','','','','','','','','','0','','','','','0000-00-00','0000-00-00',NULL,NULL,'','','',NULL,'0000-00-00 00:00:00',NULL,'0000-00-00 00:00:00',NULL);
UNLOCK TABLES;

DROP TABLE IF EXISTS `userinfo`;
CREATE TABLE `userinfo` (
  `id` int(11) unsigned NOT NULL AUTO_INCREMENT,
  `username` varchar(128) DEFAULT NULL,
  `firstname` varchar(200) DEFAULT NULL,
  `lastname` varchar(200) DEFAULT NULL,
  `email` varchar(200) DEFAULT NULL,
  `department` varchar(200) DEFAULT NULL,
  `company` varchar(200) DEFAULT NULL,
  `workphone` varchar(200) DEFAULT NULL,
  `homephone` varchar(200) DEFAULT NULL,
  `mobilephone` varchar(200) DEFAULT NULL,
  `address` varchar(200) DEFAULT NULL,
  `city` varchar(200) DEFAULT NULL,
  `state` varchar(200) DEFAULT NULL,
  `country` varchar(100) DEFAULT NULL,
  `zip` varchar(200) DEFAULT NULL,
  `notes` varchar(200) DEFAULT NULL,
  `changeuserinfo` varchar(128) DEFAULT NULL,
  `portalloginpassword` varchar(128) DEFAULT '',
  `enableportallogin` int(32) DEFAULT 0,
  `creationdate` datetime DEFAULT '0000-00-00 00:00:00',
  `creationby` varchar(128) DEFAULT NULL,
  `updatedate` datetime DEFAULT '0000-00-00 00:00:00',
  `updateby` varchar(128) DEFAULT NULL,
  PRIMARY KEY (`id`),
  KEY `username` (`username`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;

LOCK TABLES `userinfo` WRITE;
INSERT INTO `userinfo` VALUES (1,'anna','Anna','Huber','anna@example.org','','','','+43 316 123456','0664 1234567','Ringstr. 1, Stiege 2','Graz','Styria','Austria','8010','pays by card','0','portal-anna',1,'2019-05-01 10:00:00','administrator','0000-00-00 00:00:00',NULL),(2,'bernd','Bernd','Novak','bernd@example.org','Management','Bernd & Söhne','0316 234567','','','Hauptplatz 5','Graz','Styria','Austria','8020','','0','$2y$10$abcdefghijklmnopqrstuv0123456789ABCDEFGHIJKLMNOPQRSTU',1,'2019-06-01 10:00:00','administrator','0000-00-00 00:00:00',NULL),(3,'carla','Carla','O\'Neil','','','','','','','','','','','','','0','',0,'0000-00-00 00:00:00','administrator','0000-00-00 00:00:00',NULL),(4,'dora','Dora','Pichler','dora(at)example.org','','','','','','','','','','','','0','',0,'2020-01-02 03:04:05','administrator','0000-00-00 00:00:00',NULL),(5,'emil','Emil','Wolf','emil@example.org','','','','','0660 7654321','Am Bach 3','Weiz','Styria','Austria','8160','','0','',0,'2020-02-02 03:04:05','administrator','0000-00-00 00:00:00',NULL),(6,'00-00-5E-00-53-0A','','','','','','','','','','','','','','hotspot card','0','',0,'2021-02-02 03:04:05','administrator','0000-00-00 00:00:00',NULL),(7,'fritz','Fritz','Berg','fritz@example.org','','','','','','','','','Austria','','','0','',0,'2021-03-02 03:04:05','administrator','0000-00-00 00:00:00',NULL),(8,'gina','Gina','Moser','gina@example.org','','','','','','','','','Austria','','','0','',0,'2021-04-02 03:04:05','administrator','0000-00-00 00:00:00',NULL);
UNLOCK TABLES;

-- Dump completed on 2024-02-21  9:41:07
