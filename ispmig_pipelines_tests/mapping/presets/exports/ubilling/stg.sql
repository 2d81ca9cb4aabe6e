-- MySQL dump 10.13  Distrib 5.7.42, for Linux (x86_64)
--
-- Host: localhost    Database: stg
-- ------------------------------------------------------
/*!40101 SET NAMES utf8 */;

DROP TABLE IF EXISTS `address`;
CREATE TABLE `address` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(45) NOT NULL,
  `aptid` int NOT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `address` VALUES (1,'kovalenko_12',1),(2,'bondar_7',2),(3,'zorya_llc',3);

DROP TABLE IF EXISTS `apt`;
CREATE TABLE `apt` (
  `id` int NOT NULL AUTO_INCREMENT,
  `buildid` int NOT NULL,
  `entrance` varchar(15) DEFAULT NULL,
  `floor` varchar(15) DEFAULT NULL,
  `apt` varchar(5) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `apt` VALUES (1,1,'1','3','45'),(2,2,'','','12'),(3,3,NULL,'2','');

DROP TABLE IF EXISTS `build`;
CREATE TABLE `build` (
  `id` int NOT NULL AUTO_INCREMENT,
  `streetid` int NOT NULL,
  `buildnum` varchar(10) NOT NULL,
  `geo` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `build` VALUES (1,1,'12','50.448853,30.513346'),(2,2,'7а',''),(3,3,'1',NULL);

DROP TABLE IF EXISTS `city`;
CREATE TABLE `city` (
  `id` int NOT NULL AUTO_INCREMENT,
  `cityname` varchar(255) NOT NULL,
  `cityalias` varchar(45) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `city` VALUES (1,'Київ','kyiv');

DROP TABLE IF EXISTS `contracts`;
CREATE TABLE `contracts` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(45) NOT NULL,
  `contract` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `contracts` VALUES (1,'kovalenko_12','1001'),(2,'bondar_7','1002'),(3,'zorya_llc','1004');

DROP TABLE IF EXISTS `emails`;
CREATE TABLE `emails` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(45) NOT NULL,
  `email` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `emails` VALUES (1,'kovalenko_12','koval@example.com'),(2,'bondar_7',''),(3,'zorya_llc','office@zorya.example');

DROP TABLE IF EXISTS `nethosts`;
CREATE TABLE `nethosts` (
  `id` int NOT NULL AUTO_INCREMENT,
  `netid` int NOT NULL,
  `ip` varchar(45) NOT NULL,
  `mac` varchar(45) DEFAULT NULL,
  `option` varchar(45) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `nethosts` VALUES (1,1,'10.10.0.11','14:88:92:11:22:33',NULL),(2,1,'10.10.0.12','14:88:92:11:22:44',NULL),(3,1,'10.10.0.14','14:88:92:11:22:66',NULL),(4,1,'10.10.0.99','',NULL);

DROP TABLE IF EXISTS `payments`;
CREATE TABLE `payments` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(45) NOT NULL,
  `date` datetime NOT NULL,
  `admin` varchar(45) DEFAULT NULL,
  `balance` varchar(45) NOT NULL,
  `summ` varchar(45) NOT NULL,
  `cashtypeid` int NOT NULL,
  `note` varchar(200) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `payments` VALUES (1,'kovalenko_12','2024-01-05 10:00:00','admin','25.5','100',1,'NULL'),(2,'bondar_7','2024-01-06 11:00:00','openpayz','-175','100',2,'EASYPAY:77812'),(3,'zorya_llc','2024-01-07 12:00:00','admin','0','2500.00',1,''),(4,'gone','2024-01-08 12:00:00','admin','0','50',1,''),(5,'bondar_7','2024-01-09 11:00:00','admin','-75','-20',1,'correction');

DROP TABLE IF EXISTS `phones`;
CREATE TABLE `phones` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(45) NOT NULL,
  `phone` varchar(255) DEFAULT NULL,
  `mobile` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `phones` VALUES (1,'kovalenko_12','0441234567','0501234567'),(2,'bondar_7','','0672345678'),(3,'zorya_llc','0442223344','');

DROP TABLE IF EXISTS `realname`;
CREATE TABLE `realname` (
  `id` int NOT NULL AUTO_INCREMENT,
  `login` varchar(45) NOT NULL,
  `realname` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `realname` VALUES (1,'kovalenko_12','Коваленко Іван Петрович'),(2,'bondar_7','Бондар Олена'),(3,'zorya_llc','ТОВ \"Зоря\"');

DROP TABLE IF EXISTS `speeds`;
CREATE TABLE `speeds` (
  `id` int NOT NULL AUTO_INCREMENT,
  `tariff` varchar(45) DEFAULT NULL,
  `speeddown` varchar(45) DEFAULT NULL,
  `speedup` varchar(45) DEFAULT NULL,
  `burstdownload` varchar(45) DEFAULT NULL,
  `burstupload` varchar(45) DEFAULT NULL,
  `bursttimedownload` varchar(45) DEFAULT NULL,
  `burstimetupload` varchar(45) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `speeds` VALUES (1,'Unlim-50','51200','51200','','','',''),(2,'Unlim-100','102400','51200','','','','');

DROP TABLE IF EXISTS `street`;
CREATE TABLE `street` (
  `id` int NOT NULL AUTO_INCREMENT,
  `cityid` int NOT NULL,
  `streetname` varchar(255) NOT NULL,
  `streetalias` varchar(45) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `street` VALUES (1,1,'Шевченка',''),(2,1,'Лесі Українки',''),(3,1,'Хрещатик','');

DROP TABLE IF EXISTS `tariffs`;
CREATE TABLE `tariffs` (
  `name` varchar(40) NOT NULL DEFAULT '',
  `PriceDayA0` double DEFAULT '0',
  `PriceDayB0` double DEFAULT '0',
  `PriceNightA0` double DEFAULT '0',
  `PriceNightB0` double DEFAULT '0',
  `Threshold0` int(11) DEFAULT '0',
  `Time0` varchar(15) DEFAULT '0:0-0:0',
  `NoDiscount0` int(11) DEFAULT '0',
  `SinglePrice0` int(11) DEFAULT '0',
  `PassiveCost` double DEFAULT '0',
  `Fee` double DEFAULT '0',
  `Free` double DEFAULT '0',
  `TraffType` varchar(10) DEFAULT '',
  `period` varchar(32) NOT NULL DEFAULT 'month',
  PRIMARY KEY (`name`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `tariffs` VALUES ('Unlim-50',0,0,0,0,0,'0:0-0:0',0,0,10,150,0,'up+down','month'),('Unlim-100',0,0,0,0,0,'0:0-0:0',0,0,10,200.5,0,'up+down','month'),('Business',0,0,0,0,0,'0:0-0:0',0,0,0,2500,0,'up+down','month'),('Daily',0,0,0,0,0,'0:0-0:0',0,0,0,7,0,'up+down','day');

DROP TABLE IF EXISTS `users`;
CREATE TABLE `users` (
  `login` varchar(50) NOT NULL DEFAULT '',
  `Password` varchar(150) NOT NULL DEFAULT '*',
  `Passive` int(3) DEFAULT '0',
  `Down` int(3) DEFAULT '0',
  `DisabledDetailStat` int(3) DEFAULT '0',
  `AlwaysOnline` int(3) DEFAULT '0',
  `Tariff` varchar(40) NOT NULL DEFAULT '',
  `Address` varchar(254) NOT NULL DEFAULT '',
  `Phone` varchar(128) NOT NULL DEFAULT '',
  `Email` varchar(50) NOT NULL DEFAULT '',
  `Note` text NOT NULL,
  `RealName` varchar(254) NOT NULL DEFAULT '',
  `StgGroup` varchar(40) NOT NULL DEFAULT '',
  `Credit` double DEFAULT '0',
  `TariffChange` varchar(40) NOT NULL DEFAULT '',
  `Userdata0` varchar(254) NOT NULL,
  `CreditExpire` int(11) DEFAULT '0',
  `IP` varchar(254) DEFAULT '*',
  `D0` bigint(30) DEFAULT '0',
  `U0` bigint(30) DEFAULT '0',
  `Cash` double DEFAULT '0',
  `FreeMb` double DEFAULT '0',
  `LastCashAdd` double DEFAULT '0',
  `LastCashAddTime` int(11) DEFAULT '0',
  `PassiveTime` int(11) DEFAULT '0',
  `LastActivityTime` int(11) DEFAULT '0',
  `NAS` varchar(17) NOT NULL,
  PRIMARY KEY (`login`)
) ENGINE=MyISAM DEFAULT CHARSET=utf8;
INSERT INTO `users` VALUES ('kovalenko_12','pass1',0,0,1,1,'Unlim-50','','','','','','',0,'','',0,'10.10.0.11',123,456,125.5,0,100,1704448800,0,1708500000,''),('bondar_7','qwerty',0,0,1,1,'Unlim-100','','','','','','',100,'','',1735603200,'10.10.0.12',1,2,-75,0,-20,1704798000,0,1708500000,''),('zorya_llc','z0rya',1,0,1,1,'Business','','','','','','',500,'','',0,'10.10.0.14',1,2,2500,0,2500,1704628800,0,1708500000,''),('old_user','o',0,1,1,1,'*_NO_TARIFF_*','','','','','','',0,'','',0,'*',0,0,-0.33,0,0,0,0,0,'');

-- Dump completed on 2024-02-21 10:00:00
